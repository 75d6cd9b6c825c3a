"""The search language: what people type, what it means, and what is said where it means nothing."""

from dataclasses import fields

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.errors import InvalidInput
from catalog.search.language import parse
from catalog.search.parameters import query_from
from catalog.search.parts import written
from catalog.search.query import SearchQuery, Term

NOTHING = SearchQuery()


def meant(text):
    """What ``text`` sets, without what it leaves alone."""
    query = parse(text)
    values = {field.name: getattr(query, field.name) for field in fields(query)}
    return {name: value for name, value in values.items() if value != getattr(NOTHING, name)}


def refused(text):
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.code == "invalid_query"
    assert caught.value.field == "q"
    return caught.value


def test_the_example_of_the_documentation():
    assert meant('base:llama-3 method:lora rank:<=16 lang:de task:ner license:apache-2.0 "court decisions"') == {
        "base": "llama-3",
        "method": "lora",
        "rank_max": 16,
        "language": "de",
        "task": "ner",
        "license": "Apache-2.0",
        "phrases": ("court decisions",),
    }


@pytest.mark.parametrize(
    ("typed", "usual"),
    [
        ("language:de", "lang:de"),
        ("licence:mit", "license:MIT"),
        ("base_model:gpt2", "base:gpt2"),
        ("architecture:bert", "arch:bert"),
        ("org:team", "ns:team"),
        ("compatible:gpt2", "fits:gpt2"),
        ("has:measured", "is:measured"),
        ("order:recent", "sort:newest"),
        ("base: llama-3", "base:llama-3"),
        ("BASE:gpt2", "base:gpt2"),
        ("rank<=16", "rank:<=16"),
        ("rank = 16", "rank:16"),
        ("rank:≤16", "rank:<=16"),
        ("rank:..16", "rank:<=16"),
        ("rank:4..", "rank:>=4"),
        ("size:<10 MB", "size:<10MB"),
        ("size:1 MB", "size:1000000"),
        ("size < 10mb", "size:<10000000"),
        ("score:>=90%", "score:>=0.9"),
        ("NOT lang:en", "-lang:en"),
        ("one AND two", "one two"),
        ("(one two)", "one two"),
        ("“court decisions”", '"court decisions"'),
        ('"never closed', '"never closed"'),
        ("license:llama3", "license:LicenseRef-Llama-3"),
        ("lang:German", "lang:de"),
        ("lang:Deutsch,FR", "lang:de,fr"),
        ("method:houlsby", "method:bottleneck-houlsby"),
        ('task:"Named entity recognition"', "task:ner"),
    ],
)
def test_other_ways_to_type_the_same(typed, usual):
    assert parse(typed) == parse(usual)


def test_bounds_of_whole_numbers_include_their_ends():
    assert meant("rank:>4 rank:<=16") == {"rank_min": 5, "rank_max": 16}
    assert meant("size:1MiB..2GB") == {"size_min": 2**20, "size_max": 2 * 10**9}


def test_better_than_the_base_model_is_more_than_zero():
    assert 0 < parse("gain:>0").gain_min < 1e-300


def test_values_after_a_comma_are_alternatives():
    assert meant("method:lora,dora") == {"method": "lora,dora"}
    assert parse("method:lora method:dora") == parse("method:lora,dora"), "an adapter has one method"


def test_two_tags_are_both_asked_for():
    assert meant("tag:legal tag:court") == {"tag": "legal", "more": (Term("tag", "court"),)}


def test_a_minus_excludes():
    assert meant('-lang:de,fr -"two words" -word -rank:8 -is:derived')["more"] == (
        Term("language", "de,fr", is_negated=True),
        Term("phrase", "two words", is_negated=True),
        Term("text", "word", is_negated=True),
        Term("rank", "8..8", is_negated=True),
        Term("is", "derived", is_negated=True),
    )


def test_a_score_on_a_set_filters_and_sorts():
    assert meant("score:team/films>=90%") == {"score_set": "team/films", "score_min": 0.9, "sort": "score"}
    assert meant("sort:score:team/films") == {"score_set": "team/films", "sort": "score"}
    assert meant("sort:name score:team/films") == {"score_set": "team/films", "sort": "name"}


def test_an_address_and_a_comparison_among_words_stay_words():
    assert parse("https://example.org/x a<b").text == "https://example.org/x a<b"


@pytest.mark.parametrize(
    ("typed", "token", "nearest"),
    [
        ("lora metod:lora", "metod:lora", "method:lora"),
        ("is:mesured", "is:mesured", "is:measured"),
        ("x sort:newst", "sort:newst", "sort:newest"),
        ("-licens:mit", "-licens:mit", "-license:mit"),
    ],
)
def test_what_is_not_known_is_pointed_at_with_what_is_nearest(typed, token, nearest):
    error = refused(typed)
    assert error.more["token"] == token
    assert typed[error.more["position"] :] == token
    assert error.more["nearest"] == nearest
    assert nearest in error.hint
    assert nearest.lstrip("-").split(":")[0] in error.more["known"] or nearest.split(":")[1] in error.more["known"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("base:", "'base:' has no value"),
        ("base: method:lora", "'base:' has no value"),
        ("rank:many", "rank takes a whole number, received 'many'"),
        ("rank:1.5", "rank takes a whole number"),
        ("size:10XB", "size takes a size"),
        ("score:good", "score takes a share"),
        ("rank:>16 rank:<4", "no rank can be that"),
        ("rank:8,16", "rank takes one number or one range"),
        ("one OR two", "OR is not understood"),
        ("-sort:name", "sort takes one order"),
        ("x" * 501, "at most 500"),
        ("a " * 41, "at most 40"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(typed, says):
    error = refused(typed)
    assert says in error.detail
    assert error.hint


def test_filters_that_are_parameters_narrow_the_text():
    query = query_from({"q": "rank:>4 court", "rank_max": "8", "method": "lora", "sort": "newest", "license": "mit"})
    assert written(query) == "method:lora license:MIT rank:5..8 court sort:newest"


@pytest.mark.parametrize(
    ("text", "order", "sort"),
    [
        ("x", "name", "name"),
        ("sort:newest", "name", "newest"),
        ("score:team/films", "downloads", "score"),
        ("", "", "downloads"),
    ],
)
def test_an_order_that_is_typed_counts_for_more_than_that_of_the_form(text, order, sort):
    assert query_from({"q": text, "sort": order}).sort == sort


@pytest.mark.parametrize("value", ["many", "<4", "1..2", "1.5"])
def test_a_bound_that_is_no_number_is_named(value):
    with pytest.raises(InvalidInput) as caught:
        query_from({"rank_min": value})
    assert caught.value.field == "rank_min"


word = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=12)
name = st.sampled_from(
    ["base", "lang", "tag", "rank", "size", "gain", "score", "fits", "is", "ns", "license", "-tag", "-rank"]
)
value = st.one_of(
    word,
    st.sampled_from(["measured", ">4", "<=0.5", "4..16", "10MB", "90%", "team/films>0.5", '"a b",c', "-0.1", "<0"]),
)
token = st.one_of(word, st.tuples(name, value).map(":".join), word.map('"{}"'.format))


@settings(max_examples=60, deadline=None)
@given(st.lists(token, max_size=6).map(" ".join))
@example('-"" --x (a) a) "OR" -gain:>0 score:a/b=0.5')
def test_whatever_can_be_read_is_read_again_from_what_is_written(typed):
    try:
        query = parse(typed)
    except InvalidInput:
        return
    assert parse(written(query)) == query
