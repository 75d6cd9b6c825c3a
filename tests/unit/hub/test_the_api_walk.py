"""Push, verdict, review, resolve and pull over HTTP, with the reasons that ``/resolve`` gives."""

import pytest

from catalog.adapters.models import Revision
from catalog.bases.services import register_base
from catalog.fits.models import RevisionShapes
from catalog.jobs.models import Job
from catalog.jobs.services import claim, complete
from tests.unit.catalog.factories import PROJECTION, digests_of, lora_files, make_base, make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of
from workers.computing import inspect_revision
from workers.validation import ValidateRevision

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``, and the base model of :func:`lora_files`."""
    owner = make_user("owner")
    make_namespace(owner, reviewer=make_user("reviewer"))
    make_base(owner)
    return owner


def push_over_http(client, files, **body) -> dict:
    announced = [{"path": path, "size_bytes": len(data)} for path, data in files.items()]
    opened = client.post(f"{API}/uploads", {"adapter": "lab/ner", "files": announced, **body})
    assert opened.status_code == 201, opened.content
    for file in opened.json()["files"]:
        for part in file["parts"]:
            data = files[file["path"]][part["offset"] : part["offset"] + part["size_bytes"]]
            answer = client.generic("PUT", part["url"], data, content_type="application/octet-stream")
            assert answer.json()["size_bytes"] == len(data)
    digests = [{"path": path, "sha256": digest} for path, digest in digests_of(files).items()]
    finished = client.post(f"{API}/uploads/{opened.json()['id']}/finish", {"files": digests})
    again = client.post(f"{API}/uploads/{opened.json()['id']}/finish", {"files": digests})
    assert finished.status_code == again.status_code == 202
    assert finished.json()["revision"]["commit_id"] == again.json()["revision"]["commit_id"]
    return finished.json()


def validate(job_id: str) -> None:
    """What a worker does with the job, in this process."""
    claimed, handler = claim(), ValidateRevision()
    assert claimed is not None
    assert str(claimed.job.pk) == job_id
    with handler.prepare(claimed.job, lambda progress, note: None) as argument:
        outcome = inspect_revision(argument, lambda *said: None)
    complete(claimed, lambda: handler.apply(claimed.job, outcome))


def publish_over_http(owner, files=None, **body) -> dict:
    finished = push_over_http(client_of(owner), files or lora_files(), **body)
    validate(finished["job"]["id"])
    revision = finished["revision"]
    reviewer = client_of(_user("reviewer"))
    queue = reviewer.get(f"{API}/reviews?namespace=lab").json()
    assert [row["commit_id"] for row in queue["results"]] == [revision["commit_id"]]
    path = f"{API}/adapters/lab/ner/revisions/{revision['commit_id']}/reviews"
    decided = reviewer.post(path, {"decision": "approve"})
    assert decided.status_code == 201, decided.content
    assert_error(reviewer.post(path, {"decision": "approve"}), 409, "already_decided")
    return decided.json()["revision"]


def test_from_push_to_pull(owner):
    files = lora_files()
    revision = publish_over_http(owner, files, version="1.0.0")
    assert (revision["state"], revision["method"], revision["rank"]) == ("published", "lora", 4)
    assert revision["base_model"] == {"id": "tiny/llama", "revision": "main"}
    anybody = client_of(None)
    plan = anybody.post(f"{API}/resolve", {"adapter": "LAB/ner", "base": "tiny/llama"}).json()
    assert (plan["adapter"], plan["version"], plan["warnings"]) == ("lab/ner", "1.0.0", [])
    pulled = {file["path"]: b"".join(anybody.get(file["url"]).streaming_content) for file in plan["files"]}
    assert pulled == files
    assert plan["size_bytes"] == sum(map(len, files.values()))
    shown = anybody.get(f"{API}/adapters/lab/ner").json()
    assert (shown["default_version"], shown["versions"]) == ("1.0.0", ["1.0.0"])
    assert anybody.get(f"{API}/adapters?base=tiny/llama&method=lora&language=de").json()["count"] == 1


def test_pushing_the_same_files_again_answers_200(owner):
    files = lora_files()
    revision = publish_over_http(owner, files, version="1.0.0")
    announced = [
        {"path": path, "size_bytes": len(data), "sha256": digests_of(files)[path]} for path, data in files.items()
    ]
    again = client_of(owner).post(f"{API}/uploads", {"adapter": "lab/ner", "version": "1.0.0", "files": announced})
    assert (again.status_code, again.json()["state"]) == (200, "committed")
    assert again.json()["revision"]["commit_id"] == revision["commit_id"]


class TestResolve:
    """The plan of a pull, or the reason why there is none."""

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"adapter": "lab/absent"}, 404, "not_found"),
            ({"adapter": "lab/ner@9.9.9"}, 404, "not_found"),
            ({"adapter": "lab/ner@" + "0" * 40}, 404, "not_found"),
            ({"adapter": "nonsense"}, 400, "invalid_name"),
            ({"adapter": "lab/ner", "base": "nobody/model"}, 404, "unknown_base_model"),
        ],
    )
    def test_what_does_not_exist(self, owner, body, status, code):
        publish_over_http(owner, version="1.0.0")
        assert_error(client_of(None).post(f"{API}/resolve", body), status, code)

    def test_another_base_names_the_first_tensor_that_does_not_fit(self, owner):
        publish_over_http(owner, version="1.0.0")
        register_base(owner, name="tiny/wide", shapes={f"{PROJECTION}.weight": [32, 32]})
        register_base(owner, name="tiny/twin", shapes={f"{PROJECTION}.weight": [16, 16]})
        refused = client_of(None).post(f"{API}/resolve", {"adapter": "lab/ner", "base": "tiny/wide"})
        body = assert_error(refused, 409, "base_mismatch")
        assert "q_proj" in str(body)
        assert {"expected", "received"} <= set(body)
        twin = client_of(None).post(f"{API}/resolve", {"adapter": "lab/ner", "base": "tiny/twin"})
        assert [warning["code"] for warning in twin.json()["warnings"]] == ["other_base"]

    def test_a_method_that_shapes_do_not_judge_is_only_promised_for_its_own_base(self, owner):
        publish_over_http(owner, version="1.0.0")
        register_base(owner, name="tiny/twin", shapes={f"{PROJECTION}.weight": [16, 16]})
        revision = Revision.objects.get()
        revision.facts = {"method": "prompt-tuning", "method_name": "Prompt tuning", "requirements": []}
        revision.save(update_fields=["facts"])
        RevisionShapes.objects.all().delete()
        body = {"adapter": "lab/ner", "base": "tiny/twin"}
        refused = assert_error(client_of(None).post(f"{API}/resolve", body), 409, "base_mismatch")
        assert "Prompt tuning" in refused["detail"]
        assert client_of(None).post(f"{API}/resolve", body | {"base": "tiny/llama"}).status_code == 200

    def test_a_yanked_version_comes_with_a_warning_and_only_when_named(self, owner):
        publish_over_http(owner, version="1.0.0")
        yanked = client_of(owner).post(f"{API}/adapters/lab/ner/versions/1.0.0/yank", {"reason": "wrong labels"})
        assert yanked.json()["state"] == "yanked"
        anybody = client_of(None)
        assert_error(anybody.post(f"{API}/resolve", {"adapter": "lab/ner"}), 404, "not_found")
        plan = anybody.post(f"{API}/resolve", {"adapter": "lab/ner@1.0.0"}).json()
        assert plan["warnings"][0]["code"] == "yanked"
        assert "wrong labels" in plan["warnings"][0]["detail"]

    def test_a_member_may_try_what_waits_and_not_what_was_refused(self, owner):
        finished = push_over_http(client_of(owner), lora_files(), version="1.0.0")
        reference = {"adapter": f"lab/ner@{finished['revision']['commit_id']}"}
        assert_error(client_of(owner).post(f"{API}/resolve", reference), 409, "not_published")
        validate(finished["job"]["id"])
        plan = client_of(owner).post(f"{API}/resolve", reference).json()
        assert [warning["code"] for warning in plan["warnings"]] == ["pending"]
        assert_error(client_of(make_user("stranger")).post(f"{API}/resolve", reference), 404, "not_found")


def test_only_its_submitter_or_staff_cancels_a_job(owner):
    finished = push_over_http(client_of(owner), lora_files())
    path = f"{API}/jobs/{finished['job']['id']}/cancel"
    assert_error(client_of(make_user("stranger")).post(path), 404, "not_found")
    assert_error(client_of(_user("reviewer")).post(path), 403, "not_permitted")
    assert client_of(owner).post(path).status_code == 200
    assert Job.objects.get().is_cancel_requested
    assert Revision.objects.get().state == "validating"


def _user(name: str):
    from catalog.accounts.models import User

    return User.objects.get(username=name)
