"""Access over HTTP: given, listed, taken back; a merge of something private looks absent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.unit.catalog.deriving import publish_merge
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, publish
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
PATH = f"{API}/adapters/lab/private"


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def private(owner):
    return publish(owner, lora_files(seed=1), "lab/private", visibility="private", version="1.0.0")


def pull(client, name: str) -> int:
    """The status of a plan."""
    return client.post(f"{API}/resolve", {"adapter": name}).status_code


def test_from_leave_to_a_pull_and_back(owner, private):
    friend, client = client_of(make_user("friend")), client_of(owner)
    assert_error(friend.get(PATH), 404, "not_found")
    until = (timezone.now() + timedelta(days=2)).isoformat()
    given = client.post(f"{PATH}/access", {"user": "friend", "expires_at": until, "note": "until Friday"})
    assert given.status_code == 201, given.content
    assert (given.json()["user"], given.json()["namespace"], given.json()["granted_by"]) == ("friend", None, "owner")
    assert pull(friend, "lab/private") == 200
    assert friend.get(PATH).json()["default_version"] == "1.0.0"
    assert_error(friend.get(f"{PATH}/access"), 403, "not_permitted")
    assert_error(client_of(None).get(f"{PATH}/access"), 401, "token_missing")
    listed = client.get(f"{PATH}/access").json()["results"]
    assert listed == [given.json()]
    assert client.delete(f"{PATH}/access/{listed[0]['id']}").status_code == 204
    assert pull(friend, "lab/private") == 404


def test_leave_is_for_one_and_ends_in_the_future(owner, private):
    client = client_of(owner)
    assert_error(client.post(f"{PATH}/access", {}), 400, "invalid_input")
    past = (timezone.now() - timedelta(minutes=1)).isoformat()
    make_user("friend")
    assert_error(client.post(f"{PATH}/access", {"user": "friend", "expires_at": past}), 400, "invalid_input")
    assert_error(client.post(f"{PATH}/access", {"user": "nobody"}), 404, "not_found")
    assert_error(client.delete(f"{PATH}/access/99"), 404, "not_found")


def test_a_public_merge_of_something_private_looks_absent(owner, private, tmp_path):
    publish(owner, lora_files(seed=2), "lab/mixed", version="1.0.0")
    merged = publish_merge(owner, "lab/mixed", private, folder=tmp_path)
    stranger = client_of(make_user("stranger"))
    for path in (f"revisions/{merged.commit_id}", "versions/1.0.1", "files/1.0.1/README.md", "files/main/README.md"):
        assert_error(stranger.get(f"{API}/adapters/lab/mixed/{path}"), 404, "not_found")
        assert client_of(owner).get(f"{API}/adapters/lab/mixed/{path}").status_code == 200
    shown = stranger.get(f"{API}/adapters/lab/mixed").json()
    assert (shown["versions"], shown["default_version"], shown["revision"]) == (["1.0.0"], None, None)
    assert [row["version"] for row in stranger.get(f"{API}/adapters/lab/mixed/versions").json()["results"]] == ["1.0.0"]
    assert stranger.get("/lab/mixed").status_code == 200
    assert "1.0.1" not in stranger.get("/lab/mixed").content.decode()
    assert pull(stranger, "lab/mixed@1.0.1") == 404
    assert pull(stranger, "lab/mixed@1.0.0") == 200
