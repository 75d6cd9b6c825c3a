"""What the API answers loads nothing in a browser; pages keep their own policy."""

import pytest

from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
HEADER = "Content-Security-Policy"


@pytest.mark.parametrize("path", ["/adapters", "/adapters/lab/none/files/1.0.0/page.html", "/nowhere", "/whoami"])
def test_an_answer_of_the_api_may_load_nothing(path):
    answer = client_of(None).get(f"{API}{path}")
    assert answer[HEADER] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"


def test_a_page_keeps_the_policy_of_pages(client):
    assert "default-src 'self'" in client.get("/")[HEADER]


def test_the_pages_of_the_apis_documentation_load_their_scripts(client):
    answer = client.get(f"{API}/docs")
    assert answer.status_code == 200
    assert "'none'" not in answer.get(HEADER, "")
