"""Suggestions while somebody types: filters, their values, adapters; and never what he may not see."""

import html
import re

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.search import known_words
from catalog.search.suggesting import suggest

ANYBODY = AnonymousUser()


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    known_words.forget()
    yield
    known_words.forget()


def labels(text, viewer=ANYBODY, **options):
    return [one.label for one in suggest(text, viewer, **options)]


def only(text, label, viewer=ANYBODY, **options):
    return next(one for one in suggest(text, viewer, **options) if one.label == label)


def test_an_empty_box_lists_the_filters(db):
    found = suggest("", ANYBODY, most=20)
    assert {one.kind for one in found} == {"filter"}
    assert found[0].label == "base:"
    assert found[0].at == len("base:")


def test_a_name_that_is_begun_becomes_the_filter(db):
    assert labels("lic")[0] == "license:"
    assert labels("court lic")[0] == "license:"
    assert only("court lic", "license:").text == "court license:"
    assert labels("licen", most=1) == ["license:"]


def test_another_word_for_a_filter_leads_to_it(db):
    assert "ns:" in labels("organ") + labels("names")
    assert "lang:" in labels("langu")


def test_values_of_a_filter_are_those_of_what_is_published(catalog, published):
    assert labels("lang:") == ["lang:de"]
    assert only("lang:", "lang:de").count == 1
    assert only("tag", "tag:").kind == "filter"
    assert labels("base:enc") == ["base:example/tiny-encoder"], "any part of an id"
    assert labels("method:lor")[0] == "method:lora"
    assert labels("task:tok") == ["task:token-classification"]
    assert labels("ns:te") == ["ns:team"]


def test_a_value_is_put_in_place_of_what_was_begun(catalog, published):
    found = only("lang:en,d court", "lang:en,de", at=len("lang:en,d"))
    assert found.text == "lang:en,de court"
    assert found.text[found.at :] == "court"
    assert only("-method:lor", "method:lora").text == "-method:lora "


def test_a_plain_word_finds_values_and_adapters(catalog, published):
    assert "base:example/tiny-encoder" in labels("tiny")
    found = only("ner", "team/ner-de")
    assert found.kind == "adapter"
    assert found.says == "Names in German text"
    assert "team/ner-de" in labels("team/n")


def test_examples_show_how_numbers_are_written(db):
    assert labels("rank:") == ["rank:<=8", "rank:<=16", "rank:4..32"]
    assert labels("gain:>") == ["gain:>0", "gain:>=5%"]
    assert "is:measured" in labels("is:")
    assert labels("sort:n") == ["sort:newest", "sort:name"]


def test_scores_are_those_of_sets_that_the_viewer_sees(catalog, measured):
    assert "score:team/films" in labels("score:fil") or "score:team/films" in labels("score:team")


def test_what_is_private_is_suggested_to_nobody_else(catalog):
    catalog.push(catalog.writer, "writer/secret-thing", visibility="private", tags=["hushed"], approve=None)
    assert labels("secret") == []
    assert labels("tag:hus") == []
    assert labels("ns:wri") == []
    assert "writer/secret-thing" in labels("secret", catalog.writer)
    assert labels("ns:wri", catalog.writer) == ["ns:writer"]


def test_inside_quotation_marks_nothing_is_suggested(catalog, published):
    assert labels('"ner') == []


@pytest.mark.parametrize("text", ["x" * 600, "-", ":", '"', "metod:l", "\0", "base:\u202e", "%", "_", "lang:%"])
def test_whatever_is_typed_gets_an_answer(catalog, published, stranger, text):
    assert stranger.get("/search/suggest", {"q": text}).status_code == 200
    assert stranger.get("/api/v1/search/suggest", {"q": text}).status_code == 200


def test_the_page_gets_options_whose_texts_are_inert(catalog, stranger):
    catalog.push(catalog.writer, "team/cross", approve=catalog.owner, summary='<img src=x onerror="alert(1)">')
    body = stranger.get("/search/suggest?q=cro").content.decode()
    assert "<img" not in body
    option = html.unescape(re.search(r'<li role="option"[^>]*data-text="([^"]*)"[^>]*data-href="/team/cross"', body)[0])
    assert option


def test_the_api_answers_with_the_same(catalog, published, stranger):
    answer = stranger.get("/api/v1/search/suggest?q=lang:d").json()["results"]
    assert answer == [
        {"kind": "language", "label": "lang:de", "says": answer[0]["says"], "text": "lang:de ", "at": 8, "count": 1}
    ]


def test_the_api_counts_what_a_query_finds(catalog, published, stranger):
    answer = stranger.get("/api/v1/search/facets?q=ner rank:<=16&method=lora").json()
    assert answer["query"] == "method:lora rank:<=16 ner"
    assert answer["is_exact"] is True
    assert answer["facets"]["language"] == [{"value": "de", "count": 1}]


def test_the_api_points_at_the_word_that_it_cannot_read(db, stranger):
    answer = stranger.get("/api/v1/adapters?q=court metod:lora")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["token"], body["position"]) == ("invalid_query", "metod:lora", 6)
    assert body["nearest"] == "method:lora"


def test_the_page_shows_the_word_that_it_cannot_read_and_keeps_what_was_typed(published, stranger):
    answer = stranger.get("/search?q=court+metod:lora")
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "court <mark>metod:lora</mark>" in text
    assert 'value="court metod:lora"' in text
    assert 'href="/search?q=court+method%3Alora"' in text
    part = stranger.get("/search?q=court+metod:lora", headers={"HX-Request": "true"})
    assert part.status_code == 200, "htmx leaves the page as it is for an answer of 400"
    assert "<html" not in part.content.decode()


def test_while_a_value_is_still_missing_the_results_stay_as_they_are(published, stranger):
    part = stranger.get("/search?q=court+lang:", headers={"HX-Request": "true"})
    assert (part.status_code, part.content) == (204, b"")
    whole = stranger.get("/search?q=court+lang:")
    assert "&#x27;lang:&#x27; has no value" in whole.content.decode()


def test_the_page_about_the_language_has_examples_that_can_be_read(published, stranger):
    text = html.unescape(stranger.get("/search/help").content.decode())
    examples = re.findall(r'<a class="mono" href="(/search\?q=[^"]+)"', text)
    assert len(examples) > 15
    for address in examples:
        assert stranger.get(address).status_code == 200, address


def named(text, client, of="adapter"):
    """What a box that asks for a name is offered: the words, and whether an option leads away."""
    answer = client.get("/search/suggest", {"q": text, "of": of})
    assert answer.status_code == 200
    assert "data-href" not in answer.content.decode(), "a name is put into the box"
    return [html.unescape(word) for word in re.findall(r'data-text="([^"]*)"', answer.content.decode())]


def test_a_box_for_an_adapter_offers_names_and_then_versions(catalog, published, stranger):
    catalog.push(catalog.writer, "team/ner-de", "1.1.0", approve=catalog.owner)
    catalog.push(catalog.writer, "team/ner-de", "1.2.0")
    assert named("ner", stranger) == ["team/ner-de"]
    assert named("tea", stranger) == ["team/"], "a namespace leads on"
    assert named("team/", stranger) == ["team/ner-de"]
    assert named("team/ner-de", stranger) == ["team/ner-de@1.1.0", "team/ner-de@1.0.0"], "what waits is not offered"
    assert named("team/ner-de@1.0", stranger) == ["team/ner-de@1.0.0"]
    assert named("team/ner-de@1.0.0", stranger) == named("", stranger) == []


def test_a_box_for_a_set_offers_sets(catalog, measured, stranger):
    assert named("fil", stranger, "set") == named("team/f", stranger, "set") == ["team/films"]
    assert named("team/films", stranger, "set") == named("", stranger, "set") == []


def test_private_names_are_offered_to_their_people_alone(catalog, stranger, as_writer, as_owner):
    catalog.push(catalog.writer, "writer/secret-thing", visibility="private")
    for text in ("secret", "writer/", "writer/secret-thing", "wri"):
        assert named(text, stranger) == named(text, as_owner) == [], text
        assert named(text, as_writer), text


def test_the_forms_that_ask_for_names_offer_them(measured, catalog, as_owner):
    for path, boxes in (("/compare", 5), ("/compare?a=&b=&set=", 3), ("/new/reduction", 1), ("/new/transfer", 3)):
        text = as_owner.get(path).content.decode()
        assert text.count('data-suggest="/search/suggest?of=') == boxes, path


def test_suggestions_of_nothing_known_are_refused(db, stranger):
    assert stranger.get("/search/suggest?q=a&of=people").status_code == 400


@pytest.mark.parametrize("of", ["adapter", "set"])
@pytest.mark.parametrize("text", ["x" * 600, "@", "/", "a/b@", "@@", "//", "\0", "\u202e", "%", "_", "a/%@_"])
def test_whatever_is_typed_as_a_name_gets_an_answer(db, stranger, text, of):
    assert stranger.get("/search/suggest", {"q": text, "of": of}).status_code == 200
