"""Comparisons, boards and badges over HTTP: what is measured, to whoever may see it."""

import re
from xml.etree import ElementTree

import pytest

from catalog.evaluations.queries import get_set_revision
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.measuring import make_set, measure, publish_for
from tests.unit.hub.calling import API, assert_error, client_of

pytestmark = pytest.mark.django_db
ROWS = [{"text": f"film {at}", "label": "positive"} for at in range(4)]
PAIR = {"a": "lab/ner@1.0.0", "b": "lab/ner@1.1.0"}


@pytest.fixture
def owner():
    """Two measured versions of ``lab/ner``, on an open set and on a hidden one."""
    owner = make_user("owner")
    namespace = make_namespace(owner)
    base = make_base(owner)
    films = make_set(namespace, rows=ROWS)
    make_set(namespace, "unused")
    exam = make_set(namespace, "exam", rows=ROWS, is_hidden=True)
    for version, right in (("1.0.0", [1, 1, 0, 0]), ("1.1.0", [0, 1, 1, 1])):
        revision = publish_for(base, owner, version=version, seed=len(right) + right[0])
        measure(revision, films, right)
        measure(revision, exam, right)
    measure(None, films, [0, 0, 0, 1], base=base, cause="baseline")
    return owner


def test_a_comparison_tells_flips_test_gain_and_rows(owner):
    body = client_of(None).get(f"{API}/compare", PAIR | {"set": "lab/films"}).json()
    assert (body["negative_flips"], body["positive_flips"], body["both_right"], body["rows"]) == (1, 2, 1, 4)
    assert body["mcnemar"] == {"statistic": 1.0, "p_value": 1.0, "method": "exact binomial"}
    assert body["a"]["score"]["value"] == 0.5
    assert (body["b"]["adapter"], body["b"]["version"], body["b"]["score"]["value"]) == ("lab/ner", "1.1.0", 0.75)
    assert body["difference"]["value"] == 0.25
    assert body["items"][0] == {
        "row": 0,
        "kind": "negative",
        "before": 1,
        "now": 0,
        "content": {"text": "film 0", "label": "positive"},
    }


def test_the_rows_of_a_hidden_set_leave_the_hub_for_nobody(owner):
    for caller in (None, owner, make_user("admin", is_admin=True)):
        response = client_of(caller).get(f"{API}/compare", PAIR | {"set": "lab/exam"})
        assert response.json()["items"] is None
        assert response.json()["items_left_out"] == 3
        assert "film 0" not in response.content.decode()


def test_the_board_lists_versions_with_the_base_beside(owner):
    body = client_of(None).get(f"{API}/leaderboards", {"set": "lab/films", "base_model": "tiny/llama"}).json()
    assert [(row["place"], row["version"], row["score"]["value"], row["gain"]) for row in body["results"]] == [
        (1, "1.1.0", 0.75, 0.5),
        (2, "1.0.0", 0.5, 0.25),
    ]
    assert body["results"][0]["base_score"] == {"value": 0.25, "low": 0.15, "high": 0.35}
    assert body["is_whole"] is True


@pytest.mark.literature("CL2GEC")
def test_versions_in_sequence_tell_what_was_gained_and_forgotten(owner):
    last = publish_for(make_base(owner, "tiny/other"), owner, version="2.0.0", seed=9)
    measure(last, make_set(last.adapter.namespace, "films", number=2, rows=ROWS), [1, 1, 1, 1])
    measure(last, get_set_revision(owner, "lab/exam"), [1, 1, 1, 1])
    body = client_of(None).get(f"{API}/adapters/lab/ner/scores").json()
    assert body["versions"] == ["1.0.0", "1.1.0", "2.0.0"]
    exam, films = body["sets"]
    assert [score["value"] for score in exam["scores"]] == [0.5, 0.75, 1.0]
    assert (exam["gained"], exam["forgotten"]) == (0.5, -0.25)
    # On the newest rows only the last version was measured: older scores are of other rows.
    assert films["set"]["revision"] == 2
    assert films["scores"][:2] == [None, None]
    assert body["mean_forgotten"] == 0.0


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/compare", {"a": "lab/ner", "b": "lab/ner"}, 400, "invalid_input"),
        ("/compare", PAIR | {"set": "lab/absent"}, 404, "set_not_found"),
        ("/compare", PAIR | {"set": "lab/films@2"}, 404, "set_not_found"),
        ("/compare", PAIR | {"set": "lab/unused"}, 409, "score_not_measured"),
        ("/compare", {"a": "lab/absent", "b": "lab/ner", "set": "lab/films"}, 404, "not_found"),
        ("/compare", PAIR | {"set": "lab/films", "sets": "x"}, 400, "unknown_field"),
        ("/leaderboards", {}, 400, "invalid_input"),
        ("/leaderboards", {"set": "lab/films", "base_model": "no/such"}, 404, "not_found"),
        ("/leaderboards", {"set": "films"}, 400, "invalid_name"),
        ("/adapters/lab/ner/badge.svg", {}, 400, "invalid_input"),
        ("/adapters/lab/absent/badge.svg", {"set": "lab/films"}, 404, "not_found"),
    ],
)
def test_what_cannot_be_answered_says_why(owner, path, query, status, code):
    assert_error(client_of(None).get(API + path, query), status, code)


def badge(caller, accept="image/avif,image/*;q=0.8", **query):
    answer = client_of(caller).get(f"{API}/adapters/lab/ner/badge.svg", query, HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml; charset=utf-8"), answer.content
    return answer.content.decode()


def test_a_badge_shows_the_measured_score_and_needs_nothing_from_elsewhere(owner):
    text = badge(None, set="lab/films", version="1.1.0")
    said = " ".join(ElementTree.fromstring(text).itertext())
    assert "films accuracy" in said
    assert "0.75 (0.65 to 0.85)" in said
    addresses = set(re.findall(r"https?://[^\"' ]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}


def test_a_badge_without_a_measurement_says_so_whatever_the_card_claims(owner):
    make_set(make_namespace(owner, "sets"), "news")
    assert "not measured" in badge(None, set="sets/news")


def test_a_badge_of_a_private_adapter_is_shown_to_nobody_else(owner):
    client_of(owner).patch(f"{API}/adapters/lab/ner", {"visibility": "private"})
    answer = client_of(None).get(f"{API}/adapters/lab/ner/badge.svg", {"set": "lab/films"}, HTTP_ACCEPT="image/*")
    assert_error(answer, 404, "not_found")
    assert "films accuracy" in badge(owner, set="lab/films")


def test_a_name_on_a_badge_cannot_break_out_of_it(owner):
    from hub.api.badges import badge as drawn

    text = drawn("</text><script>alert(1)</script>", "\"'&<>")
    assert "<script" not in text
    ElementTree.fromstring(text)
