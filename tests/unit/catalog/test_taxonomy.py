"""Licences and languages in one spelling each, and the uploader's word before the card's."""

import pytest

from catalog.errors import InvalidInput
from catalog.taxonomy.languages import language_tag
from catalog.taxonomy.licenses import spdx_expression
from catalog.uploads.metadata import Metadata, check_metadata, revision_fields


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("mit", "MIT"),
        ("MIT", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("gpl-3.0", "GPL-3.0-only"),
        ("llama3.1", "LicenseRef-Llama-3.1"),
        ("Gemma", "LicenseRef-Gemma"),
        ("openrail++", "LicenseRef-OpenRAIL-PlusPlus"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("mit and (apache-2.0 or bsd-3-clause)", "MIT AND (Apache-2.0 OR BSD-3-Clause)"),
        ("LicenseRef-my-terms", "LicenseRef-my-terms"),
        (" mit ", "MIT"),
    ],
)
def test_licences_become_spdx_expressions(text, expression):
    assert spdx_expression(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        "",
        "free",
        "MIT OR",
        "AND",
        "MIT Apache-2.0",
        "(MIT",
        "<script>",
        "LicenseRef-a b",
        "x" * 5000,
        "MIT OR nope",
        "\0",
    ],
)
def test_what_is_no_licence_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        spdx_expression(text)
    assert (refused.value.code, refused.value.field) == ("invalid_license", "license")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de", "de"),
        ("EN-us", "en-US"),
        ("zh-hans", "zh-Hans"),
        ("pt-br", "pt-BR"),
        (" no ", "no"),
        ("sr-latn", "sr-Latn"),
    ],
)
def test_languages_become_canonical_tags(text, tag):
    assert language_tag(text) == tag


@pytest.mark.parametrize("text", ["", "german!", "e", "xx-yy-zz-!!", "de fr", "<b>", "\0", "a" * 300])
def test_what_is_no_language_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        language_tag(text)
    assert (refused.value.code, refused.value.field) == ("invalid_language", "languages")


CARD = {
    "license": "apache-2.0",
    "language": ["fr", "FR", "nonsense!"],
    "tags": ["Named Entities", "x!y"],
    "pipeline_tag": "token-classification",
}


def test_the_uploaders_word_comes_before_the_cards():
    said = check_metadata(Metadata(license="mit", languages=["DE"], tags=["ner"], task="text-generation"))
    fields = revision_fields(said, CARD, "body")
    assert (fields["license"], fields["languages"], fields["tags"]) == ("MIT", ["de"], ["ner"])
    assert fields["task"] == "text-generation"
    assert fields["claims"]["card"] == CARD


def test_the_card_fills_what_the_uploader_left_out_and_its_bad_words_are_dropped():
    fields = revision_fields(Metadata(), CARD, "body")
    assert (fields["license"], fields["languages"]) == ("Apache-2.0", ["fr"])
    assert fields["tags"] == ["named-entities"]
    assert fields["task"] == "token-classification"


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, [[1]], [None], True, 1e9])
def test_a_card_of_odd_values_never_breaks_a_push(value):
    card = {"license": value, "language": value, "tags": value, "pipeline_tag": value}
    fields = revision_fields(Metadata(), card, "")
    assert all(isinstance(tag, str) for tag in fields["tags"] + fields["languages"])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"languages": ["german!"]}, "languages"),
        ({"license": "free"}, "license"),
        ({"tags": ["a", "<b>"]}, "tags"),
        ({"task": "é"}, "task"),
    ],
)
def test_the_uploaders_bad_word_is_refused_with_its_field(said, field):
    with pytest.raises(InvalidInput) as refused:
        check_metadata(Metadata(**said))
    assert refused.value.field == field
