"""Knowing the digest of a private file buys nothing: every answer is the one that an unknown digest gets."""

import hashlib
import re
from datetime import timedelta
from statistics import median
from time import perf_counter

import httpx
import pytest
from django.utils import timezone

from catalog.jobs.models import Job
from catalog.uploads.models import Upload
from tests.unit.catalog.factories import digests_of, lora_files, make_namespace, make_user, publish
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
SECRET = lora_files(seed=7)
UNKNOWN = "b" * 64
BYTES = "application/octet-stream"


@pytest.fixture(params=["local", "s3"], autouse=True)
def each_store(request, settings, monkeypatch) -> None:
    """Every attack against every kind of store; parts are small, so that only the large file below goes directly."""
    if request.param == "s3":
        swift = request.getfixturevalue("swift")
        for name, value in swift.environment.items():
            monkeypatch.setenv(name, value)
        settings.HUB_STORAGE_URL = swift.url("no-keys")


@pytest.fixture
def stranger():
    """Somebody with a namespace of his own, beside a hub that holds a private adapter."""
    owner = make_user("owner")
    make_namespace(owner)
    publish(owner, SECRET, adapter="lab/hidden", visibility="private", version="1.0.0")
    return make_user("stranger")


def bodies(digest_of) -> list[dict]:
    return [{"path": path, "size_bytes": len(data), "sha256": digest_of(path)} for path, data in SECRET.items()]


def plain(response) -> str:
    text = response.content.decode()
    for upload in Upload.objects.all():
        text = text.replace(str(upload.pk), "ID").replace(upload.expires_at.isoformat()[:19], "T")
    return re.sub(r"T\.\d+Z", "T", text)


def without_id(response) -> bytes:
    """The answer's bytes but for the request's own id, which is random."""
    return response.content.replace(response["X-Request-ID"].encode(), b"REQUEST")


@pytest.mark.parametrize("version", ["", "1.0.0"])
def test_announcing_it_answers_as_for_an_unknown_one(stranger, version):
    client, known = client_of(stranger), digests_of(SECRET)
    answers = []
    for digest_of in (known.__getitem__, lambda path: UNKNOWN):
        body = {"adapter": "stranger/mine", "version": version, "files": bodies(digest_of)}
        answers.append(client.post(f"{API}/uploads", body))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert plain(answers[0]) == plain(answers[1])
    assert all(not part["is_received"] for file in answers[0].json()["files"] for part in file["parts"])


def test_finishing_with_it_without_the_bytes_answers_as_for_an_unknown_one(stranger):
    client, known = client_of(stranger), digests_of(SECRET)
    answers = []
    for digest_of in (known.__getitem__, lambda path: UNKNOWN):
        opened = client.post(f"{API}/uploads", {"adapter": "stranger/mine", "files": bodies(digest_of)}).json()
        files = [{"path": path, "sha256": digest_of(path)} for path in SECRET]
        answers.append(client.post(f"{API}/uploads/{opened['id']}/finish", {"files": files}))
    assert [answer.status_code for answer in answers] == [409, 409]
    assert without_id(answers[0]) == without_id(answers[1])


def test_finishing_with_it_and_other_bytes_is_a_mismatch_like_any_other(stranger):
    client, known = client_of(stranger), digests_of(SECRET)["README.md"]
    details = []
    for digest in (known, UNKNOWN):
        announced = [{"path": "README.md", "size_bytes": 5}]
        opened = client.post(f"{API}/uploads", {"adapter": "stranger/mine", "files": announced}).json()
        client.generic("PUT", opened["files"][0]["parts"][0]["url"], b"other", content_type="application/octet-stream")
        answer = client.post(
            f"{API}/uploads/{opened['id']}/finish", {"files": [{"path": "README.md", "sha256": digest}]}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
        details.append(answer.json()["detail"].replace(digest, "D"))
    assert details[0] == details[1]


def test_no_url_takes_a_digest(stranger):
    client, digest = client_of(stranger), digests_of(SECRET)["README.md"]
    for path in (
        f"/adapters/lab/hidden/files/{digest}/README.md",
        f"/adapters/stranger/mine/files/main/{digest}",
        f"/blobs/{digest}",
        "/adapters/lab/hidden/files/main/README.md",
    ):
        assert client.get(API + path).status_code == 404
    etag = f'"{digest}"'
    hidden = client.get(f"{API}/adapters/lab/hidden/files/main/README.md", HTTP_IF_NONE_MATCH=etag)
    assert hidden.status_code == 404


@pytest.mark.parametrize("body", [b"", b"x"], ids=["no bytes", "other bytes"])
def test_sending_a_part_of_another_size_answers_the_same_for_every_digest(stranger, body):
    client, known = client_of(stranger), digests_of(SECRET)["README.md"]
    answers = []
    for digest in (known, UNKNOWN):
        announced = [{"path": "README.md", "size_bytes": len(SECRET["README.md"]), "sha256": digest}]
        opened = client.post(f"{API}/uploads", {"adapter": "stranger/mine", "files": announced}).json()
        url = opened["files"][0]["parts"][0]["url"]
        answers.append(client.generic("PUT", url, body, content_type="application/octet-stream"))
    assert [answer.status_code for answer in answers] == [422, 422]
    assert without_id(answers[0]) == without_id(answers[1])


def test_a_wrong_guess_takes_as_long_as_any_other(stranger):
    """Medians of interleaved tries; the bound is generous, for a machine that does other things too."""
    client, known = client_of(stranger), digests_of(SECRET)["adapter_model.safetensors"]
    seconds: dict[str, list[float]] = {known: [], UNKNOWN: []}
    for _ in range(15):
        for digest, taken in seconds.items():
            opened = client.post(
                f"{API}/uploads",
                {"adapter": "stranger/mine", "files": [{"path": "a.txt", "size_bytes": 5, "sha256": digest}]},
            ).json()
            client.generic("PUT", opened["files"][0]["parts"][0]["url"], b"other", content_type=BYTES)
            start = perf_counter()
            body = {"files": [{"path": "a.txt", "sha256": digest}]}
            assert client.post(f"{API}/uploads/{opened['id']}/finish", body).status_code == 422
            taken.append(perf_counter() - start)
    assert median(seconds[known]) < 1.6 * median(seconds[UNKNOWN])
    assert median(seconds[UNKNOWN]) < 1.6 * median(seconds[known])


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(120)
def test_a_large_file_sent_directly_under_a_foreign_digest_is_a_mismatch_like_any_other(swift, settings, monkeypatch):
    """The owner's private file went directly too; the stranger sends as many other bytes, or none at all."""
    from workers.supervisor import supervise

    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    settings.HUB_STORAGE_URL = swift.url("no-keys")
    private = hashlib.sha256(b"private").digest() * ((6 << 20) // 32)
    owner, known = make_user("owner"), hashlib.sha256(private).hexdigest()
    finish(client_of(owner), open_large(client_of(owner), "owner/hidden", known, private, "private"), known)
    run_alone(supervise)
    assert Job.objects.get(kind="receive_upload").state == "succeeded"

    client, answers = client_of(make_user("stranger")), []
    for digest in (known, UNKNOWN):
        nothing_sent = open_large(client, "stranger/mine", digest, b"")
        refused = finish(client, nothing_sent, digest)
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_incomplete")
        sent = open_large(client, "stranger/mine", digest, bytes(len(private)))
        accepted = finish(client, sent, digest)
        assert accepted.status_code == 202
        run_alone(supervise)
        job = Job.objects.filter(kind="receive_upload").latest("created_at")
        assert (job.state, job.error["code"]) == ("failed", "digest_mismatch")
        again = client.get(f"{API}/uploads/{sent['id']}").json()
        received = [part["is_received"] for file in again["files"] for part in file["parts"]]
        answers.append((without_id(refused), job.error["detail"].replace(digest, "D"), again["state"], received))
    assert answers[0] == answers[1]
    assert answers[0][2:] == ("open", [False, False])
    assert client.get(f"{API}/adapters/stranger/mine").status_code == 404


def open_large(client, adapter: str, digest: str, content: bytes, visibility: str = "public") -> dict:
    """An upload of six mebibytes, with these bytes sent straight to the store."""
    announced = [{"path": "w.safetensors", "size_bytes": 6 << 20, "sha256": digest}]
    opened = client.post(f"{API}/uploads", {"adapter": adapter, "visibility": visibility, "files": announced}).json()
    for part in opened["files"][0]["parts"]:
        assert "X-Amz-Signature" in part["url"]
        if content:
            httpx.put(part["url"], content=content[part["offset"] :][: part["size_bytes"]]).raise_for_status()
    return opened


def finish(client, opened: dict, digest: str):
    """Finish with this digest, whatever was sent."""
    body = {"files": [{"path": "w.safetensors", "sha256": digest}]}
    return client.post(f"{API}/uploads/{opened['id']}/finish", body)


def run_alone(supervise) -> None:
    """Run the job that receives an upload, and not the validation of an earlier one."""
    Job.objects.exclude(kind="receive_upload").update(available_at=timezone.now() + timedelta(hours=1))
    assert supervise()
