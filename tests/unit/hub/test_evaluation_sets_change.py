"""A set's visibility and its withdrawal over HTTP."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.unit.catalog.evaluating import MANIFEST, ROWS, classifier, json_lines, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
SETS = f"{API}/evaluation-sets"


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


def test_a_set_changes_and_is_withdrawn_over_http(owner, base):
    client, nobody = client_of(owner), client_of(None)
    make_set(owner)
    make_set(owner, files={"test": json_lines(ROWS[:4])})
    changed = client.patch(f"{SETS}/lab/mood", {"visibility": "private", "summary": "Moods"}).json()
    assert (changed["visibility"], changed["summary"]) == ("private", "Moods")
    assert_error(nobody.get(f"{SETS}/lab/mood"), 404, "set_not_found")
    assert client.patch(f"{SETS}/lab/mood", {"visibility": "public"}).status_code == 200
    assert_error(client.patch(f"{SETS}/lab/mood", {"name": "other"}), 400, "unknown_field")
    stranger = client_of(make_user("stranger"))
    assert_error(stranger.patch(f"{SETS}/lab/mood", {"summary": "mine"}), 403, "not_permitted")
    assert_error(stranger.post(f"{SETS}/lab/mood/withdraw", {"reason": "x"}), 403, "not_permitted")
    gone = client.post(f"{SETS}/lab/mood/revisions/2/withdraw", {"reason": "wrong rows"}).json()
    assert (gone["withdrawal_reason"], gone["files"]) == ("wrong rows", [])
    assert_error(nobody.get(f"{SETS}/lab/mood/revisions/2/files/test"), 410, "set_withdrawn")
    shown = nobody.get(f"{SETS}/lab/mood").json()
    assert (shown["revisions"], shown["revision"]["number"], shown["withdrawn_at"]) == ([1], 1, None)
    assert_error(client.post(f"{SETS}/lab/mood/withdraw", {}), 400, "invalid_input")
    assert client.post(f"{SETS}/lab/mood/withdraw", {"reason": "licence"}).json()["withdrawal_reason"] == "licence"
    form = {"manifest": json.dumps(MANIFEST), "test": SimpleUploadedFile("test.jsonl", json_lines(ROWS))}
    assert_error(client.post(f"{SETS}/lab/mood/revisions", form, format="multipart"), 410, "set_withdrawn")
    classifier(owner, base)
    body = {"adapters": ["lab/ner"], "evaluation_set": "lab/mood"}
    assert_error(client.post(f"{API}/evaluations", body), 410, "set_withdrawn")
    assert nobody.get(SETS).json()["results"] == []
