"""What /compare and /leaderboards answer is what their schema says, field by field."""

import pytest

from tests.contract.test_answers_follow_the_schema import check
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.measuring import make_set, measure, publish_for
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_hidden", [False, True])
def test_comparisons_and_boards_answer_as_described(is_hidden):
    owner = make_user("owner")
    namespace, base = make_namespace(owner), make_base(owner)
    films = make_set(namespace, rows=[{"text": "a"}, {"text": "b"}], is_hidden=is_hidden)
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        measure(publish_for(base, owner, version=version, seed=seed), films, [seed, 1 - seed])
    alone = measure(None, films, [0, 1], base=base, cause="baseline")
    client = client_of(owner)
    for a, b in (("lab/ner@1.0.0", "lab/ner@1.1.0"), (str(alone.pk), "lab/ner")):
        answer = client.get(f"{API}/compare", {"a": a, "b": b, "set": "lab/films"})
        assert answer.status_code == 200, answer.content
        check("get", "/compare", answer)
    answer = client.get(f"{API}/adapters/lab/ner/scores")
    assert (answer.json()["versions"], answer.json()["sets"][0]["gained"]) == (["1.0.0", "1.1.0"], 0.0)
    check("get", "/adapters/{namespace}/{name}/scores", answer)
    answer = client.get(f"{API}/leaderboards", {"set": "lab/films"})
    assert len(answer.json()["results"]) == 2
    check("get", "/leaderboards", answer)
    answer = client.get(f"{API}/comparisons", {"adapter": ["lab/ner@1.0.0", "lab/ner@1.1.0"]})
    assert [line["set"]["name"] for line in answer.json()["scores"]] == ["lab/films"]
    check("get", "/comparisons", answer)


def test_downloads_by_day_answer_as_described():
    owner = make_user("owner")
    make_namespace(owner)
    publish_for(make_base(owner), owner, version="1.0.0")
    answer = client_of(owner).get(f"{API}/adapters/lab/ner/downloads", {"days": 3})
    assert [day["count"] for day in answer.json()["days"]] == [0, 0, 0]
    check("get", "/adapters/{namespace}/{name}/downloads", answer)
