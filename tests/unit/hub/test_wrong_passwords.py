"""Guessing passwords is slow, on every door: form, API and admin share one count for each address."""

from base64 import b64encode

import pytest
from django.core.cache import cache
from django.test import Client

from catalog.accounts.services import create_user

PASSWORD = "right password 4 tests"


@pytest.fixture(autouse=True)
def few_attempts(settings, db):
    settings.HUB_WRONG_PASSWORDS_PER_MINUTE = 3
    cache.clear()
    create_user(username="owner", email="", password=PASSWORD)
    yield
    cache.clear()


def by_form(password: str) -> int:
    return Client().post("/login/", {"username": "owner", "password": password}).status_code


def by_api(password: str) -> int:
    header = "Basic " + b64encode(f"owner:{password}".encode()).decode()
    body = {"name": "t", "scopes": ["read"]}
    return Client().post("/api/v1/tokens", body, "application/json", headers={"Authorization": header}).status_code


def test_the_fourth_guess_is_refused_even_if_it_is_right():
    assert [by_form("wrong"), by_api("wrong"), by_form("wrong")] == [200, 401, 200]
    assert by_api(PASSWORD) == 429
    assert by_form(PASSWORD) == 429


def test_right_passwords_are_not_counted():
    assert {by_api(PASSWORD) for _ in range(6)} == {201}


def test_the_admin_sends_to_the_one_login_page():
    response = Client().get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/login/")
