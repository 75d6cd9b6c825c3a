"""Which names are allowed, which count as the same, and how versions are ordered."""

import pytest

from catalog.errors import InvalidInput
from catalog.names import (
    RESERVED_ADAPTERS,
    RESERVED_NAMESPACES,
    check_base_id,
    check_base_revision,
    check_name,
    check_version,
    fold,
    split_full_name,
    split_reference,
    version_key,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ner-De", "ner-de"),
        ("ner_de", "ner-de"),
        ("ner.de", "ner-de"),
        ("ner--de", "ner-de"),
        ("ner._-de", "ner-de"),
        ("ﬁne", "fine"),
        ("ｎｅｒ", "ner"),
        ("STRASSE", "straße"),
    ],
)
def test_names_collide_when_only_case_separators_or_compatibility_forms_differ(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("ner-de", "nerde"), ("ner1", "ner-1"), ("a", "b")])
def test_other_names_do_not_collide(one, other):
    assert fold(one) != fold(other)


@pytest.mark.parametrize("name", ["a", "A1", "ner-de", "llama-3.1_x", "0", "x" * 96])
def test_usable_names(name):
    assert check_name(name, field="name") == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", ".a", "a.", "a..b", "a-_b", "a b", "a/b", "a\\b", "é", "ﬁne", "a\n", "a\0", "x" * 97, "..", "%61"],
)
def test_unusable_names_are_refused_with_the_field(name):
    with pytest.raises(InvalidInput) as refused:
        check_name(name, field="adapter")
    assert (refused.value.code, refused.value.field) == ("invalid_name", "adapter")


@pytest.mark.parametrize("name", ["admin", "API", "Base_Models", "v1", "favicon-ico"])
def test_reserved_namespaces_are_refused_in_every_spelling(name):
    with pytest.raises(InvalidInput, match="reserved"):
        check_name(name, field="name", reserved=RESERVED_NAMESPACES)


@pytest.mark.parametrize("name", sorted(RESERVED_ADAPTERS))
def test_words_of_the_hugging_face_wire_name_no_adapter(name):
    with pytest.raises(InvalidInput, match="reserved"):
        check_name(name, field="adapter", reserved=RESERVED_ADAPTERS)


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "10.20.30", "1.0.0-rc.1", "1.0.0-alpha", "999999.0.0"])
def test_versions_that_read_well(version):
    assert check_version(version) == version


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1",
        "1.2",
        "v1.2.3",
        "1.2.3.4",
        "01.2.3",
        "1.2.3-",
        "1.2.3+x",
        "1.2.3-a..b",
        "1.2.3-" + "a" * 60,
        "1.2.3\n",
        "latest",
        "main",
        "1١.0.0",
    ],
)
def test_versions_that_do_not(version):
    with pytest.raises(InvalidInput) as refused:
        check_version(version)
    assert (refused.value.code, refused.value.field) == ("invalid_version", "version")


def test_versions_are_ordered_by_number_and_a_pre_release_comes_before_its_release():
    ordered = [
        "0.9.0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-rc.2",
        "1.0.0-rc.10",
        "1.0.0",
        "1.0.1",
        "1.9.0",
        "1.10.0",
        "2.0.0-1",
        "2.0.0",
    ]
    assert sorted(set(ordered), key=version_key) == ordered


def test_a_full_name_has_exactly_two_parts():
    assert split_full_name("lab/ner") == ("lab", "ner")
    for wrong in ("lab", "lab/", "lab/ner/de", ""):
        with pytest.raises(InvalidInput):
            split_full_name(wrong)


def test_a_reference_may_carry_a_ref():
    assert split_reference("lab/ner@1.2.0") == ("lab/ner", "1.2.0")
    assert split_reference("lab/ner") == ("lab/ner", "")


@pytest.mark.parametrize("base_id", ["gpt2", "google/gemma-3-270m-it", "Qwen/Qwen2.5-0.5B"])
def test_base_model_ids(base_id):
    assert check_base_id(base_id) == base_id


@pytest.mark.parametrize(
    "base_id",
    ["", "/srv/model", "./model", "a/b/c", "../x", "a/..b", "gpt2/shapes", "config", "C:\\models", "http://x/y"],
)
def test_a_path_or_a_url_is_no_base_model(base_id):
    with pytest.raises(InvalidInput):
        check_base_id(base_id)


@pytest.mark.parametrize("revision", ["", "a/b", "-x", "x" * 65, "a b"])
def test_a_base_revision_is_one_word(revision):
    with pytest.raises(InvalidInput):
        check_base_revision(revision)
