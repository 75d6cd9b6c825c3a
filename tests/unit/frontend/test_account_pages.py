"""Sign in and out; tokens are made, shown once and revoked."""

import re

from catalog.accounts.models import ApiToken
from catalog.accounts.tokens import authenticate_token, issue_token

from .conftest import PASSWORD


def test_signing_in_leads_to_where_one_wanted_to_go(catalog, client):
    response = client.post("/login/?next=/review/", {"username": "owner", "password": PASSWORD, "next": "/review/"})
    assert response["Location"] == "/review/"


def test_signing_in_never_leads_elsewhere(catalog, client):
    given = {"username": "owner", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/login/", given)["Location"] == "/"


def test_a_wrong_password_is_said_without_saying_which_part_is_wrong(catalog, client):
    answers = [
        client.post("/login/", {"username": name, "password": "wrong"}).content.decode() for name in ("owner", "nobody")
    ]
    assert "do not go together" in answers[0]
    assert re.sub(r'value="[^"]*"', "", answers[0]) == re.sub(r'value="[^"]*"', "", answers[1])


def test_signing_out_needs_a_post(catalog, as_owner):
    assert as_owner.get("/logout/").status_code == 405
    assert as_owner.post("/logout/")["Location"] == "/"
    assert as_owner.get("/settings/tokens").status_code == 302


def test_a_new_token_is_shown_once_and_works(catalog, as_owner):
    response = as_owner.post("/settings/tokens", {"name": "ci", "scopes": ["read", "write"], "expires_in_days": "30"})
    secret = re.findall(r'id="secret">([^<]+)<', response.content.decode())[0]
    token = authenticate_token(secret)
    assert (token.user, token.name, token.scopes) == (catalog.owner, "ci", ["read", "write"])
    assert "no-store" in response["Cache-Control"]
    assert secret not in as_owner.get("/settings/tokens").content.decode()


def test_a_token_without_scope_is_refused(catalog, as_owner):
    response = as_owner.post("/settings/tokens", {"name": "ci", "expires_in_days": "30"})
    assert response.status_code == 400
    assert "needs at least one scope" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_one_revokes_ones_own_tokens_only(catalog, as_owner):
    mine = issue_token(catalog.owner, name="mine", scopes=["read"]).row
    hers = issue_token(catalog.writer, name="hers", scopes=["read"]).row
    assert as_owner.get(f"/settings/tokens/{mine.pk}/revoke").status_code == 405
    assert as_owner.post(f"/settings/tokens/{hers.pk}/revoke").status_code == 404
    assert as_owner.post(f"/settings/tokens/{mine.pk}/revoke").status_code == 302
    assert list(ApiToken.objects.all()) == [hers]
