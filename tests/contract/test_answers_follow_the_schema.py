"""What the API answers is what its schema says, field by field; and no call makes it stumble."""

import copy
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.bases.queries import get_base
from catalog.bases.services import register_base
from catalog.evaluations.models import Evaluation
from catalog.evaluations.policies import create_policy
from catalog.evaluations.recording import record_results
from catalog.evaluations.requesting import request_evaluations
from catalog.evidence.services import record_evidence
from catalog.jobs.heartbeats import beat
from catalog.jobs.services import claim, fail, submit
from tests.unit.catalog.evaluating import classifier, make_set, measured_row
from tests.unit.catalog.factories import PROJECTION, WIDTH, make_namespace, make_user, publish, push
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
SCHEMA: dict[str, Any] = {}


def schema() -> dict[str, Any]:
    """The schema of this build, with every object closed and OpenAPI's ``nullable`` in JSON Schema's words."""
    if not SCHEMA:
        SCHEMA.update(_closed(copy.deepcopy(SchemaGenerator().get_schema(request=None, public=True))))
    return SCHEMA


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _closed(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node and isinstance(node["properties"], dict):
        node.setdefault("additionalProperties", False)
    if node.pop("nullable", False):
        return {"anyOf": [node, {"type": "null"}]}
    return node


def check(method: str, template: str, response: Any) -> None:
    """Validate the body against what the schema promises for this status."""
    promised = schema()["paths"][API + template][method]["responses"]
    assert str(response.status_code) in promised, (response.status_code, response.content[:500])
    content = promised[str(response.status_code)].get("content", {})
    if "application/json" in content:
        document = {**content["application/json"]["schema"], "components": schema()["components"]}
        jsonschema.Draft202012Validator(document).validate(response.json())


@pytest.fixture
def owner():
    """A hub with something of everything in it."""
    owner = make_user("owner", is_admin=True)
    make_namespace(owner, reader=make_user("reader"))
    register_base(owner, name="tiny/llama", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]}, config={"model_type": "x"})
    publish(owner, version="1.0.0")
    push(owner, {"README.md": b"next"}, version="1.1.0")
    return owner


READS = [
    ("/", {}),
    ("/whoami", {}),
    ("/tokens", {}),
    ("/namespaces", {}),
    ("/namespaces/{name}", {"name": "lab"}),
    ("/namespaces/{name}/members", {"name": "lab"}),
    ("/base-models", {}),
    ("/base-models/{base_id}", {"base_id": "tiny/llama"}),
    ("/base-models/{base_id}/shapes", {"base_id": "tiny/llama"}),
    ("/base-models/{base_id}/config", {"base_id": "tiny/llama"}),
    ("/adapters", {}),
    ("/search/facets", {}),
    ("/search/suggest", {}),
    ("/search/alternatives", {}),
    ("/adapters/{namespace}/{name}", {}),
    ("/adapters/{namespace}/{name}/versions", {}),
    ("/adapters/{namespace}/{name}/versions/{version}", {}),
    ("/adapters/{namespace}/{name}/revisions", {}),
    ("/adapters/{namespace}/{name}/revisions/{commit_id}", {}),
    ("/adapters/{namespace}/{name}/revisions/{commit_id}/evidence", {}),
    ("/adapters/{namespace}/{name}/files/{ref}/{path}", {"ref": "1.0.0", "path": "README.md"}),
    ("/jobs", {}),
    ("/jobs/{job_id}", {}),
    ("/workers", {}),
    ("/reviews", {}),
    ("/reviews/counts", {}),
    ("/reviews/statistics", {}),
    ("/audit", {}),
    ("/namespaces/{name}/waivers", {"name": "lab"}),
    ("/adapters/{namespace}/{name}/revisions/{commit_id}/case", {}),
    ("/merges", {}),
    ("/reductions", {}),
    ("/derivations", {}),
]
SET = "/evaluation-sets/{namespace}/{name}"
READS_OF_EVALUATIONS = [
    ("/evaluation-sets", {}),
    (SET, {}),
    (f"{SET}/revisions", {}),
    (f"{SET}/revisions/{{number}}", {}),
    (f"{SET}/revisions/{{number}}/files/{{split}}", {}),
    ("/evaluations", {}),
    ("/evaluations/{evaluation_id}", {}),
    ("/evaluations/{evaluation_id}/predictions", {}),
    ("/namespaces/{name}/policies", {"name": "lab"}),
]


@pytest.mark.parametrize(("template", "names"), READS, ids=[template for template, _ in READS])
def test_every_read_answers_as_described(owner, template, names):
    revision = Revision.objects.select_related("validation_job").order_by("id").first()
    assert revision is not None
    record_evidence(revision, {"device": "cpu", "statistics": {"q": {"norm": 1.0}}, "peers": 0})
    beat("a-worker", host="a-machine", pid=7, queues=["cpu"], is_stopping=False)
    assert claim("cpu", worker="a-worker")
    known = {
        "namespace": "lab",
        "name": "ner",
        "version": "1.0.0",
        "commit_id": revision.commit_id,
        "job_id": revision.validation_job_id,
    }
    response = client_of(owner).get(API + template.format(**{**known, **names}))
    assert response.status_code == 200
    check("get", template, response)


@pytest.mark.parametrize(("template", "names"), READS_OF_EVALUATIONS, ids=[row[0] for row in READS_OF_EVALUATIONS])
def test_every_read_of_evaluations_answers_as_described(owner, template, names):
    evaluation = evaluated(owner)
    namespace = evaluation.set_revision.evaluation_set.namespace
    create_policy(owner, namespace, evaluation_set="lab/mood", largest_drop=0.5)
    known = {"namespace": "lab", "name": "mood", "number": 1, "split": "test", "evaluation_id": evaluation.pk}
    response = client_of(owner).get(API + template.format(**{**known, **names}))
    assert response.status_code == 200
    check("get", template, response)


def evaluated(owner) -> Evaluation:
    """A measured evaluation of an adapter with a head, and one of its base model that failed."""
    make_set(owner)
    classifier(owner, get_base("tiny/llama"), "lab/classifier")
    asked = request_evaluations(owner, adapters=["lab/classifier"], evaluation_set="lab/mood").evaluations
    measured, of_base = asked
    error = {"evaluation_id": str(of_base.pk), "error": {"code": "no_head", "detail": "it has none"}}
    assert measured.job is not None
    record_results(measured.job, {"results": [measured_row(measured, 0.5), error]})
    return measured


def dead_letter() -> Any:
    """A job that died of a limit and can run again."""
    base = BaseModel.objects.create(name="e/f", state="failed", config={"model_type": "bert"})
    job = submit("describe_base", {"base_id": base.pk}, queue="limited")
    claimed = claim("limited")
    assert claimed is not None
    fail(claimed, code="resource_limit", detail="it needed more than 2 MiB of memory", is_final=True)
    return job.pk


MEMBERS = [{"adapter": "lab/classifier", "weight": 0.5}]
REDUCTION = {"adapter": "lab/small", "source": "lab/classifier", "operation": "truncate", "settings": {"rank": 2}}


def test_every_write_answers_as_described(owner):
    client = client_of(owner)
    adapter = "/adapters/{namespace}/{name}"
    evaluation = evaluated(owner)
    wanted = {"adapters": ["lab/classifier"], "evaluation_set": "lab/mood"}
    policies = "/namespaces/{name}/policies"
    policy = create_policy(owner, evaluation.set_revision.evaluation_set.namespace, evaluation_set="lab/mood")
    calls = [
        ("post", "/evaluation-sets", "/evaluation-sets", {"namespace": "lab", "name": "other"}),
        ("post", "/evaluations", "/evaluations", wanted),
        ("post", "/evaluations/{evaluation_id}/rerun", f"/evaluations/{evaluation.pk}/rerun", None),
        ("post", policies, "/namespaces/lab/policies", {"evaluation_set": "lab/mood", "task": "ner"}),
        ("delete", policies + "/{policy_id}", f"/namespaces/lab/policies/{policy.pk}", None),
        ("post", "/merges", "/merges", {"adapter": "lab/both", "members": MEMBERS, "heads": "lab/classifier"}),
        ("post", "/merges/preview", "/merges/preview", {"members": MEMBERS}),
        ("post", "/reductions", "/reductions", REDUCTION),
        ("post", "/tokens", "/tokens", {"name": "x", "scopes": ["read"]}),
        ("post", "/users", "/users", {"username": "pusher", "password": "a-quiet-harbour-42"}),
        ("post", "/namespaces", "/namespaces", {"name": "other"}),
        ("patch", "/namespaces/{name}", "/namespaces/lab", {"display_name": "Lab"}),
        ("put", "/namespaces/{name}/members/{username}", "/namespaces/lab/members/pusher", {"role": "writer"}),
        ("delete", "/namespaces/{name}/members/{username}", "/namespaces/lab/members/pusher", None),
        ("post", "/base-models", "/base-models", {"id": "a/b", "shapes": {"x.weight": [2, 2]}}),
        ("post", "/base-models", "/base-models", {"id": "a/b", "shapes": {"x.weight": [2, 2]}}),
        ("post", "/base-models", "/base-models", {"id": "c/d", "config": {"model_type": "bert"}}),
        ("post", "/adapters", "/adapters", {"namespace": "lab", "name": "fresh"}),
        ("patch", adapter, "/adapters/lab/ner", {"summary": "words"}),
        ("post", adapter + "/versions/{version}/yank", "/adapters/lab/ner/versions/1.0.0/yank", {"reason": "x"}),
        ("post", adapter + "/versions/{version}/unyank", "/adapters/lab/ner/versions/1.0.0/unyank", None),
        ("post", "/resolve", "/resolve", {"adapter": "lab/ner@1.0.0"}),
        ("post", "/uploads", "/uploads", {"adapter": "lab/x", "files": [{"path": "a.txt", "size_bytes": 1}]}),
        ("delete", adapter, "/adapters/lab/ner", None),
        ("post", "/jobs/{job_id}/cancel", f"/jobs/{submit('describe_base', {}, queue='gpu').pk}/cancel", None),
        ("post", "/jobs/{job_id}/retry", f"/jobs/{dead_letter()}/retry", None),
    ]
    for method, template, path, body in calls:
        response = getattr(client, method)(API + path, body)
        assert response.status_code < 300, (path, response.content)
        check(method, template, response)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.lists(st.text(max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
)
ODD_WORD = st.one_of(
    st.text(min_size=1, max_size=12), st.integers().map(str), st.sampled_from(["..", "%00", "main", "@"])
)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, calls in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        for method, operation in calls.items()
    ]


@pytest.mark.parametrize(
    ("method", "path", "operation"), operations(), ids=lambda part: part if isinstance(part, str) else ""
)
@given(data=st.data())
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_call_makes_the_hub_stumble(owner, method, path, operation, data):
    """Odd path words, parameters and bodies get an answer under 500 and, when refused, the one error shape."""
    url, query = path, {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            query[parameter["name"]] = data.draw(ODD_WORD)
            continue
        fitting = {
            "namespace": "lab",
            "name": "ner",
            "index": "0",
            "number": "1",
            "token_id": "1",
            "job_id": "0" * 32,
            "upload_id": "00000000-0000-0000-0000-000000000000",
            "evaluation_id": "00000000-0000-0000-0000-000000000000",
            "policy_id": "1",
            "split": "test",
        }
        word = data.draw(st.one_of(st.just(fitting.get(parameter["name"], "x")), ODD_WORD))
        url = url.replace("{" + parameter["name"] + "}", quote(word.encode("utf-8", "replace"), safe=""))
    body = None
    if "requestBody" in operation and "application/json" in operation["requestBody"]["content"]:
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = list(schema()["components"]["schemas"][reference]["properties"])
        body = {field: data.draw(ODD, label=field) for field in data.draw(st.sets(st.sampled_from(fields)))}
    if query:
        url += "?" + urlencode({key: word.encode("utf-8", "replace") for key, word in query.items()})
    response = getattr(client_of(owner), method)(url, body, format="json")
    assert response.status_code < 500 or response.status_code == 503, response.content[:2000]
    if response.status_code >= 400:
        assert {"code", "detail"} <= set(response.json())
