"""A caller of the API with a token of chosen scopes."""

from typing import Any

from rest_framework.test import APIClient

from catalog.accounts.models import User
from catalog.accounts.tokens import SCOPES, issue_token

API = "/api/v1"


def client_of(user: User | None, scopes: list[str] | None = None) -> APIClient:
    """A client that sends a token of ``user`` with ``scopes`` (all of them by default); anonymous without a user."""
    client = APIClient(raise_request_exception=False)
    client.default_format = "json"
    if user is not None:
        secret = issue_token(user, name="test", scopes=scopes or list(SCOPES)).secret
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def assert_error(response: Any, status: int, code: str) -> dict[str, Any]:
    """The one shape of every error."""
    assert response["Content-Type"].startswith("application/json"), response["Content-Type"]
    body: dict[str, Any] = response.json()
    assert (response.status_code, body.get("code")) == (status, code), body
    assert body["detail"]
    assert isinstance(body["detail"], str)
    assert set(body) <= {
        "code",
        "detail",
        "field",
        "hint",
        "tensor",
        "expected",
        "received",
        "mismatches",
        "request_id",
        "digests",
        "withdrawn_at",
    }
    assert body["request_id"] == response["X-Request-ID"]
    assert all(value not in ("", None) for value in body.values())
    return body
