"""Knowing the digest of a private file buys nothing: every answer is the one that an unknown digest gets."""

import pytest

from catalog.uploads.models import Upload
from tests.unit.catalog.factories import digests_of, lora_files, make_namespace, make_user, publish
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
SECRET = lora_files(seed=7)
UNKNOWN = "b" * 64


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
    import re

    return re.sub(r"T\.\d+Z", "T", text)


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
    assert answers[0].content == answers[1].content


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
