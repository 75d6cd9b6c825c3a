"""What validation accepts is measured by the namespace's policies, and published without review once it passes."""

import pytest

from catalog.accounts.models import Namespace
from catalog.evaluations.models import Evaluation
from catalog.evaluations.policies import create_policy
from catalog.jobs.models import Job
from tests.unit.catalog.evaluating import make_set
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, push
from workers.supervisor import supervise

pytest.importorskip("torch", reason="validation looks at weights")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner, is_review_required=False)
    make_base(owner)
    make_set(owner)
    return owner


def test_a_worker_asks_for_what_the_policies_want(owner):
    embeddings = {"harness": "embeddings", "metric": "mrr", "columns": {}, "labels": []}
    files = {"queries": b'{"query": "a", "relevant": ["1"]}\n', "corpus": b'{"document": "a", "document_id": "1"}\n'}
    namespace = make_set(owner, "lab/search", files=files, **embeddings).evaluation_set.namespace
    create_policy(owner, namespace, evaluation_set="lab/search")
    create_policy(owner, namespace, evaluation_set="lab/mood")
    revision = push(owner, version="1.0.0")
    assert supervise(queue="cpu")
    revision.refresh_from_db()
    assert revision.state == "published", revision.report
    measured = {row.set_revision.evaluation_set.name: row for row in Evaluation.objects.filter(revision=revision)}
    assert (measured["search"].state, measured["search"].cause) == ("waiting", "policy")
    assert (measured["mood"].state, measured["mood"].error["code"]) == ("failed", "no_head")
    [job] = Job.objects.filter(kind="evaluate")
    assert (job.namespace, job.created_by, job.subject_name) == (
        namespace,
        owner,
        "lab/ner@1.0.0 on lab/search@1",
    )


def test_a_gate_keeps_an_unmeasured_push_pending_where_no_review_is_required(owner):
    namespace = Namespace.objects.get(name="lab")
    create_policy(owner, namespace, evaluation_set="lab/mood", largest_drop=0.1)
    revision = push(owner, version="1.0.0")
    assert supervise(queue="cpu")
    revision.refresh_from_db()
    assert revision.state == "pending"


def test_a_refused_push_is_not_measured(owner):
    namespace = Namespace.objects.get(name="lab")
    create_policy(owner, namespace, evaluation_set="lab/mood")
    push(owner, {**lora_files(), "adapter_model.safetensors": b"no tensors"}, version="1.0.0")
    assert supervise(queue="cpu")
    assert not Evaluation.objects.exists()
