"""Adapters side by side: what differs first, equal facts folded, scores on the same rows, nothing that is hidden."""

import re

import pytest

from catalog.similarity.models import Fingerprint
from kernels.similarity.sketching import SKETCH_VERSION

URL = "/compare?with=team/sentiment@1.0.0&with=team/sentiment@1.1.0"


def text_of(response, status=200):
    assert response.status_code == status, response.content[:300]
    return response.content.decode()


def words(text):
    text = re.sub(r"<title>.*?</title>", "", text)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def section(text, name):
    return re.findall(rf'<section aria-labelledby="{name}">.*?</section>', text, re.DOTALL)[0]


def test_two_versions_stand_side_by_side_with_their_scores(measured, stranger):
    text = text_of(stranger.get(URL))
    scores = words(section(text, "scores"))
    assert "team/films@1 accuracy" in scores
    assert "0.850 0.750 to 0.950 best +0.350 over its base rows that flipped" in scores
    assert "/compare?a=team%2Fsentiment%401.0.0&amp;b=team%2Fsentiment%401.1.0&amp;set=team%2Ffilms%401" in text
    assert 'id="size"' in text, "size against score"


def test_what_differs_is_marked_and_what_is_the_same_is_folded(catalog, stranger):
    for name, rank, licence in (("team/small", 4, "Apache-2.0"), ("team/large", 16, "Apache-2.0")):
        catalog.push(catalog.writer, name, approve=catalog.owner, facts={"rank": rank}, license=licence)
    text = text_of(stranger.get("/compare?with=team/small&with=team/large"))
    changed = [words(row) for row in re.findall(r'<tr class="changed">.*?</tr>', text, re.DOTALL)]
    assert "Rank 4 16" in changed
    folded = words(re.findall(r"<details><summary>.*?</details>", section(text, "facts"), re.DOTALL)[0])
    assert "Licence Apache 2.0" in folded
    assert "facts are the same" in folded
    assert "None of them was measured here" in text


def test_a_column_can_be_taken_away_and_another_added(catalog, stranger):
    for name in "abc":
        catalog.push(catalog.writer, f"team/{name}", approve=catalog.owner)
    text = text_of(stranger.get("/compare?with=team/a&with=team/b&with=team/c"))
    assert "/compare?with=team%2Fa%401.0.0&amp;with=team%2Fc%401.0.0" in text
    assert '<input type="hidden" name="with" value="team/b@1.0.0">' in text
    assert "Take team/" not in text_of(stranger.get("/compare?with=team/a&with=team/b")), "two must stay"


def test_nothing_named_is_a_form_and_one_name_waits_for_the_second(published, stranger):
    assert 'name="with"' in text_of(stranger.get("/compare"))
    assert 'value="team/ner-de"' in text_of(stranger.get("/compare?with=team/ner-de"))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("with=team/ner-de&with=team/absent", 404, "not_found"),
        ("with=team/ner-de&with=nonsense", 400, "invalid_name"),
        ("&".join(f"with=team/n{at}" for at in range(7)), 400, "invalid_input"),
    ],
)
def test_what_cannot_be_compared_is_said_above_the_form(query, status, code, published, stranger):
    text = text_of(stranger.get(f"/compare?{query}"), status)
    assert f"<code>{code}</code>" in text
    assert 'id="with-1"' in text


def test_pairs_whose_sketches_compare_say_how_alike_they_are(catalog, stranger):
    codes = {"team/a": (1, 2), "team/copy": (1, 2), "team/other": (2, -1), "team/elsewhere": (1, 2)}
    for name, (one, two) in codes.items():
        revision = catalog.push(catalog.writer, name, approve=catalog.owner)
        Fingerprint.objects.create(
            revision=revision,
            space="another" if name == "team/elsewhere" else "one",
            version=SKETCH_VERSION,
            tensors_digest=name,
            update_code=bytes([one % 256, two % 256]) * 256,
        )
    url = "&".join(f"with={name}" for name in codes)
    alike = words(section(text_of(stranger.get(f"/compare?{url}")), "likeness"))
    assert "team/a@1.0.0 team/copy@1.0.0 1.00 ± 0.00" in alike
    assert "team/a@1.0.0 team/other@1.0.0 0.00 ± 0.04" in alike
    assert "team/elsewhere" not in alike
    answer = stranger.get(f"/api/v1/comparisons?{url.replace('with', 'adapter')}").json()["likeness"]
    assert [(row["first"], row["second"]) for row in answer] == [(0, 1), (0, 2), (1, 2)]


def test_a_private_adapter_looks_absent(catalog, published, stranger):
    catalog.push(catalog.writer, "team/secret", visibility="private", approve=catalog.owner)
    for address in ("/compare?with=team/ner-de&with={}", "/api/v1/comparisons?adapter=team/ner-de&adapter={}"):
        secret = stranger.get(address.format("team/secret"))
        absent = stranger.get(address.format("team/nowhere"))
        assert secret.status_code == absent.status_code == 404
    assert b"team/secret" not in stranger.get("/compare").content


def test_scores_on_a_private_set_are_not_told(measured, stranger):
    measured.films.evaluation_set.visibility = "private"
    measured.films.evaluation_set.save()
    assert "team/films" not in section(text_of(stranger.get(URL)), "scores")


def test_the_api_answers_the_same(measured, stranger):
    answer = stranger.get("/api/v1/comparisons?adapter=team/sentiment@1.0.0&adapter=team/sentiment@1.1.0").json()
    assert [row["version"] for row in answer["adapters"]] == ["1.0.0", "1.1.0"]
    facts = {row["fact"]: row for row in answer["facts"]}
    assert facts["rank"] == {"fact": "rank", "is_same": True, "values": [4, 4]}
    films = next(row for row in answer["scores"] if row["set"]["name"] == "team/films")
    assert [score["value"] for score in films["scores"]] == [pytest.approx(measured.first.score), 0.85]
    assert films["best"] == max(score["value"] for score in films["scores"])
    refused = stranger.get("/api/v1/comparisons?adapter=team/sentiment")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")


def test_rows_of_the_search_can_be_picked_without_a_script(published, stranger):
    text = text_of(stranger.get("/search"))
    assert '<input type="checkbox" name="with" value="team/ner-de" form="pick-form">' in text
    assert 'action="/compare"' in text
