"""Every error is ``{code, detail, field?, hint?}``, whatever went wrong."""

import base64

import pytest

from storage import StorageError
from tests.unit.catalog.factories import make_namespace, make_user, open_push, publish, push
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
COMMIT = "a" * 40
# Each error names its request; two that are compared must have the same.
SAME_ID = {"X-Request-ID": "one-and-the-same"}


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
@pytest.mark.parametrize("path", ["/nothing", "/adapters/", "/adapters/x", "/jobs/1", "/tokens/x", "/uploads/x/finish"])
def test_an_unknown_path_is_not_found(owner, method, path):
    assert_error(getattr(client_of(owner), method)(API + path), 404, "not_found")


def test_a_wrong_method_is_named(owner):
    assert_error(client_of(owner).delete(f"{API}/whoami"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"NaN",
        b"9" * 5000,
        b"null",
        b"3",
        b'"x"',
        b"[]",
    ],
    ids=[
        "empty",
        "open",
        "words",
        "bytes",
        "deep list",
        "deep object",
        "nan",
        "huge",
        "null",
        "number",
        "text",
        "list",
    ],
)
@pytest.mark.parametrize("path", ["/uploads", "/resolve", "/base-models", "/tokens"])
def test_a_body_that_is_no_json_object_is_refused(owner, path, body):
    response = client_of(owner).generic("POST", API + path, body, content_type="application/json")
    assert_error(response, 400, "invalid_input")


def test_another_content_type_is_named(owner):
    response = client_of(owner).generic("POST", f"{API}/resolve", b"adapter=x", content_type="text/plain")
    assert_error(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/adapters", {"namespace": "lab", "name": "x", "visibilty": "private"}),
        ("/uploads", {"adapter": "lab/x", "files": [{"path": "a", "size_bytes": 1, "sha265": "0"}]}),
        ("/resolve", {"adapter": "lab/x", "bse": "y"}),
        ("/tokens", {"name": "x", "expires": 1}),
        ("/namespaces", {"name": "x", "kind": "user"}),
        ("/base-models", {"id": "x", "config": {}, "state": "ready"}),
    ],
)
def test_an_unknown_field_is_refused_by_name(owner, path, body):
    answer = assert_error(client_of(owner).post(API + path, body), 400, "unknown_field")
    assert answer["field"].rpartition(".")[2] in ("visibilty", "sha265", "bse", "expires", "kind", "state")


@pytest.mark.parametrize("path", ["/adapters?methd=lora", "/jobs?status=queued"])
def test_an_unknown_parameter_is_refused_by_name(owner, path):
    assert_error(client_of(owner).get(API + path), 400, "unknown_field")


@pytest.mark.parametrize("path", ["/adapters", "/jobs", "/tokens", "/namespaces", "/base-models", "/reviews"])
@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_input", "limit"),
        ("limit=101", "invalid_input", "limit"),
        ("limit=-1", "invalid_input", "limit"),
        ("limit=x", "invalid_input", "limit"),
        ("limit=" + "9" * 5000, "invalid_input", "limit"),
        ("cursor=forged", "invalid_cursor", "cursor"),
        ("cursor=%00", "invalid_cursor", "cursor"),
    ],
)
def test_bad_paging_is_refused(owner, path, query, code, field):
    assert assert_error(client_of(owner).get(f"{API}{path}?{query}"), 400, code)["field"] == field


@pytest.mark.parametrize("query", ["rank_min=x", "rank_min=1.5", "sort=magic"])
def test_bad_filters_are_refused(owner, query):
    assert_error(client_of(owner).get(f"{API}/adapters?{query}"), 400, "invalid_input")


@pytest.mark.parametrize(
    ("query", "code"), [("rank_min=" + "9" * 40, "invalid_input"), ("q=" + "x" * 3000, "invalid_query")]
)
def test_numbers_and_texts_beyond_all_measure_are_refused(owner, query, code):
    assert_error(client_of(owner).get(f"{API}/adapters?{query}"), 400, code)


@pytest.mark.parametrize("query", ["q=%00", "namespace=%F0%9F%98%80", "base=@"])
def test_odd_filters_find_nothing_and_break_nothing(owner, query):
    assert client_of(owner).get(f"{API}/adapters?{query}").json()["results"] == []


@pytest.mark.parametrize(
    "path",
    ["/adapters/lab/%00", "/adapters/%00/ner", "/adapters/lab/ner/versions/%00", "/base-models/%00", "/namespaces/%00"],
)
def test_a_nul_in_a_path_names_nothing(owner, path):
    push(owner, {"README.md": b"x"})
    assert_error(client_of(owner).get(API + path), 404, "not_found")


@pytest.mark.parametrize("path", ["/jobs?state=%00", "/jobs?kind=%00", "/adapters?namespace=%00", "/adapters?base=%00"])
def test_a_nul_in_a_filter_finds_nothing(owner, path):
    push(owner, {"README.md": b"x"})
    answer = client_of(owner).get(API + path)
    assert answer.status_code in (200, 400)
    assert not answer.json().get("results")


def test_a_nul_in_a_name_or_password_is_a_wrong_one(owner):
    basic = base64.b64encode(b"own\0er:\0").decode()
    answer = client_of(None).post(
        f"{API}/tokens", {"name": "x", "scopes": ["read"]}, HTTP_AUTHORIZATION=f"Basic {basic}"
    )
    assert_error(answer, 401, "credentials_invalid")


def test_a_config_that_utf8_cannot_hold_is_refused(owner):
    body = b'{"id": "x/y", "config": {"name": "\\ud800"}}'
    response = client_of(owner).generic("POST", f"{API}/base-models", body, content_type="application/json")
    assert_error(response, 400, "invalid_input")


HIDDEN_PATHS = [
    "/adapters/lab/{name}",
    "/adapters/lab/{name}/versions",
    "/adapters/lab/{name}/versions/1.0.0",
    "/adapters/lab/{name}/revisions",
    "/adapters/lab/{name}/revisions/" + COMMIT,
    "/adapters/lab/{name}/files/1.0.0/README.md",
    "/adapters/lab/{name}/files/main/adapter_config.json",
]


@pytest.mark.parametrize("path", HIDDEN_PATHS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_private_and_absent_answer_with_the_same_bytes(owner, path, signed_in):
    revision = publish(owner, adapter="lab/hidden", visibility="private", version="1.0.0")
    stranger = client_of(make_user("stranger") if signed_in else None)
    path = path.replace(COMMIT, revision.commit_id)
    assert client_of(owner).get(API + path.format(name="hidden")).status_code == 200
    hidden = stranger.get(API + path.format(name="hidden"), headers=SAME_ID)
    absent = stranger.get(API + path.format(name="absent"), headers=SAME_ID)
    assert_error(hidden, 404, "not_found")
    assert hidden.content.replace(b"hidden", b"absent") == absent.content


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "/adapters/lab/{name}", {"summary": "x"}),
        ("delete", "/adapters/lab/{name}", None),
        ("post", "/adapters/lab/{name}/versions/1.0.0/yank", {"reason": "x"}),
        ("post", "/adapters/lab/{name}/revisions/" + COMMIT + "/reviews", {"decision": "approve"}),
        ("post", "/resolve", {"adapter": "lab/{name}"}),
        ("post", "/resolve", {"adapter": "lab/{name}@1.0.0"}),
    ],
)
def test_private_and_absent_are_the_same_to_who_would_write(owner, method, path, body):
    publish(owner, adapter="lab/hidden", visibility="private", version="1.0.0")
    stranger = client_of(make_user("stranger"))

    def ask(name):
        filled = body and {key: value.format(name=name) for key, value in body.items()}
        return getattr(stranger, method)(API + path.format(name=name), filled, format="json", headers=SAME_ID)

    hidden, absent = ask("hidden"), ask("absent")
    assert_error(hidden, 404, "not_found")
    assert hidden.content.replace(b"hidden", b"absent") == absent.content


def test_a_cursor_of_one_list_is_refused_by_another(owner):
    for number in range(2):
        push(owner, {"README.md": b"%d" % number})
    client = client_of(owner)
    client_of(owner)
    cursor = client.get(f"{API}/jobs?limit=1").json()["next_cursor"]
    assert client.get(f"{API}/jobs?limit=1&cursor={cursor}").status_code == 200
    assert_error(client.get(f"{API}/tokens?cursor={cursor}"), 400, "invalid_cursor")


def test_a_store_without_room_is_507_and_the_upload_stays_open(owner, monkeypatch):
    def full(*args: object, **options: object) -> None:
        raise StorageError("storage_full", "no space is left on the disk")

    upload = open_push(owner, {"a.txt": b"some bytes"})
    path = f"{API}/uploads/{upload.pk}/files/0/parts/1"
    with monkeypatch.context() as patch:
        patch.setattr("storage.local.LocalBlobStore.write_part", full)
        answer = client_of(owner).put(path, b"some bytes", content_type="application/octet-stream")
    assert "disk" not in assert_error(answer, 507, "storage_full")["detail"], "where bytes lie is nobody's business"
    again = client_of(owner).put(path, b"some bytes", content_type="application/octet-stream")
    assert again.status_code == 200, again.content


def test_an_error_names_the_request_as_the_log_does():
    given = client_of(None).get(f"{API}/adapters/lab/nothing", headers={"X-Request-ID": "from-the-proxy.7"})
    assert assert_error(given, 404, "not_found")["request_id"] == "from-the-proxy.7"
    assert int(given["Content-Length"]) == len(given.content)


def test_a_mistake_of_the_hub_names_the_request_too(monkeypatch):
    monkeypatch.setattr("hub.api.adapters.search", lambda *given, **more: 1 / 0)
    assert_error(client_of(None).get(f"{API}/adapters"), 500, "internal_error")


def test_answers_that_are_no_errors_and_pages_stay_as_they_are(client):
    assert "request_id" not in client_of(None).get(f"{API}/").json()
    page = client.get("/no/such/page")
    assert page.status_code == 404
    assert page["X-Request-ID"] not in page.content.decode()
