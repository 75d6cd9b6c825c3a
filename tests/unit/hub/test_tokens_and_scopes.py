"""Who may call what: no token, a bad one, an old one, one without the scope."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.accounts.models import ApiToken
from catalog.accounts.tokens import issue_token
from tests.unit.catalog.factories import PASSWORD, accept, make_namespace, make_user, publish, push
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
JOB = "00000000-0000-0000-0000-000000000000"

# method, path, body, the scope it needs
CALLS: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("get", "/whoami", None, "read"),
    ("get", "/tokens", None, "read"),
    ("post", "/tokens", {"name": "x", "scopes": ["write"]}, "read"),
    ("delete", "/tokens/999999", None, "read"),
    ("get", "/jobs", None, "read"),
    ("get", f"/jobs/{JOB}", None, "read"),
    ("get", "/reviews", None, "read"),
    ("get", "/namespaces/lab/members", None, "read"),
    ("post", "/namespaces", {"name": "x"}, "write"),
    ("patch", "/namespaces/lab", {}, "write"),
    ("put", "/namespaces/lab/members/reader", {"role": "reader"}, "write"),
    ("delete", "/namespaces/lab/members/reader", None, "write"),
    ("post", "/base-models", {"id": "x", "config": {}}, "write"),
    ("post", "/adapters", {"namespace": "lab", "name": "x"}, "write"),
    ("patch", "/adapters/lab/ner", {"summary": "x"}, "write"),
    ("delete", "/adapters/lab/ner", None, "write"),
    ("post", "/adapters/lab/ner/versions/1.0.0/yank", {"reason": "x"}, "write"),
    ("post", "/adapters/lab/ner/versions/1.0.0/unyank", None, "write"),
    ("post", "/uploads", {"adapter": "lab/x", "files": []}, "write"),
    ("get", f"/uploads/{JOB}", None, "read"),
    ("delete", f"/uploads/{JOB}", None, "write"),
    ("post", f"/uploads/{JOB}/finish", {"files": []}, "write"),
    ("post", f"/jobs/{JOB}/cancel", None, "write"),
    ("post", f"/adapters/lab/ner/revisions/{'0' * 40}/reviews", {"decision": "approve"}, "review"),
    ("post", "/users", {"username": "x", "password": "y"}, "admin"),
]


@pytest.fixture
def owner():
    """The owner of ``lab`` with one published adapter."""
    owner = make_user("owner")
    make_namespace(owner, reader=make_user("reader"))
    publish(owner, version="1.0.0")
    return owner


def call(client, method, path, body):
    return getattr(client, method)(API + path, body, format="json")


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS)
def test_without_a_token_it_says_so(owner, method, path, body, scope):
    response = call(client_of(None), method, path, body)
    assert_error(response, 401, "token_missing")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS)
def test_without_the_scope_it_names_it(owner, method, path, body, scope):
    others = [other for other in ("read", "write", "review", "admin") if other != scope]
    body = assert_error(call(client_of(owner, others), method, path, body), 403, "scope_missing")
    assert scope in body["detail"]


@pytest.mark.parametrize("path", ["/", "/adapters", "/adapters/lab/ner", "/base-models", "/namespaces", "/whoami"])
@pytest.mark.parametrize(
    ("header", "code"),
    [("Bearer hub_unknown", "token_invalid"), ("Bearer ", "token_invalid"), ("bearer x", "token_invalid")],
)
def test_a_bad_token_is_refused_even_where_none_is_needed(owner, path, header, code):
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION=header)
    assert_error(client.get(API + path), 401, code)


def test_an_expired_token_is_refused(owner):
    client = client_of(owner)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_error(client.get(f"{API}/whoami"), 401, "token_expired")


def test_a_revoked_token_is_refused_at_once(owner):
    client = client_of(owner)
    assert client.delete(f"{API}/tokens/{ApiToken.objects.get().pk}").status_code == 204
    assert_error(client.get(f"{API}/whoami"), 401, "token_invalid")


@pytest.mark.parametrize("path", ["/adapters/lab/secret", "/adapters/lab/secret/revisions"])
def test_a_token_without_read_sees_no_more_than_anybody(owner, path):
    publish(owner, adapter="lab/secret", visibility="private")
    assert client_of(owner, ["read"]).get(API + path).status_code == 200
    assert_error(client_of(owner, ["write"]).get(API + path), 404, "not_found")
    names = [row["full_name"] for row in client_of(owner, ["write"]).get(f"{API}/adapters").json()["results"]]
    assert names == ["lab/ner"]


class TestMakingTokens:
    """The first one with a password, the next ones with a token that holds as much."""

    def test_a_password_buys_a_token_whose_secret_is_shown_once(self, owner):
        client = client_of(None)
        body = {"name": "laptop", "scopes": ["read", "write"], "expires_in_days": 7}
        made = client.post(f"{API}/tokens", body, format="json", **basic("owner", PASSWORD))
        assert made.status_code == 201
        secret = made.json()["token"]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        listed = client.get(f"{API}/tokens")
        assert secret not in listed.content.decode()
        assert listed.json()["results"][0]["name"] == "laptop"
        assert client.get(f"{API}/whoami").json()["token"]["scopes"] == ["read", "write"]

    @pytest.mark.parametrize(("username", "password"), [("owner", "wrong"), ("nobody", PASSWORD), ("", "")])
    def test_a_wrong_password_is_refused(self, owner, username, password):
        response = client_of(None).post(f"{API}/tokens", {"name": "x"}, format="json", **basic(username, password))
        assert_error(response, 401, "credentials_invalid")

    @pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic b3duZXI=", "Basic a b"])
    def test_a_malformed_header_is_refused(self, owner, header):
        response = client_of(None).post(f"{API}/tokens", {"name": "x"}, format="json", HTTP_AUTHORIZATION=header)
        assert_error(response, 401, "credentials_invalid")

    def test_a_password_is_for_making_tokens_only(self, owner):
        assert_error(client_of(None).get(f"{API}/whoami", **basic("owner", PASSWORD)), 401, "token_missing")

    def test_a_token_gives_out_no_more_than_it_holds(self, owner):
        client = client_of(owner, ["read"])
        wish = {"name": "x", "scopes": ["read", "admin"]}
        assert_error(client.post(f"{API}/tokens", wish), 403, "scope_missing")

    def test_guessing_is_slowed_down(self, owner):
        client, statuses = client_of(None), []
        for _ in range(25):
            response = client.post(f"{API}/tokens", {"name": "x"}, format="json", **basic("owner", "wrong"))
            statuses.append(response.status_code)
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert_error(response, 429, "rate_limited")


def test_a_scope_gives_no_right_that_its_owner_lacks(owner):
    reader = make_namespace_reader()
    client = client_of(reader)
    assert_error(client.patch(f"{API}/adapters/lab/ner", {"summary": "x"}), 403, "not_permitted")
    assert_error(client.post(f"{API}/users", {"username": "x", "password": PASSWORD}), 403, "not_permitted")
    assert_error(client.patch(f"{API}/namespaces/lab", {"display_name": "x"}), 403, "not_permitted")
    revision = accept(push(owner, {"README.md": b"x"}, version="2.0.0"))
    path = f"{API}/adapters/lab/ner/revisions/{revision.commit_id}/reviews"
    assert_error(client.post(path, {"decision": "approve"}), 403, "not_permitted")
    assert_error(client_of(owner).post(path, {"decision": "approve"}), 403, "self_review")


def test_a_token_of_an_inactive_user_is_no_token(owner):
    issued = issue_token(owner, name="x", scopes=["read"])
    owner.is_active = False
    owner.save()
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.secret}")
    assert_error(client.get(f"{API}/whoami"), 401, "token_invalid")


def make_namespace_reader():
    from catalog.accounts.models import User

    return User.objects.get(username="reader")


def basic(username: str, password: str) -> dict[str, str]:
    import base64

    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
