"""The pages that tell two versions apart, and that say which tensor does not fit."""

import pytest
from django.test import Client

from catalog.accounts.models import User
from catalog.bases.models import BaseModel
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user
from tests.unit.catalog.fixtures import sent, store
from tests.unit.catalog.shaping import make_wide_base, published

__all__ = ["sent", "store"]
pytestmark = pytest.mark.django_db
CARD = b"---\nlicense: mit\nlanguage: de\n---\n# An adapter\n\nIt reads %s <b>rulings</b> & laws.\n"


@pytest.fixture
def owner() -> User:
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner: User) -> BaseModel:
    return make_base(owner)


@pytest.fixture
def two_versions(owner: User, base: BaseModel) -> None:
    first = lora_files(rank=4) | {"README.md": CARD % b"German"}
    second = lora_files(rank=8, seed=2) | {"README.md": CARD % b"Swiss", "notes.txt": b"x"}
    published(owner, base, files=first, version="1.0.0")
    published(owner, base, files=second, version="1.1.0")


def text_of(path: str, client: Client | None = None, status: int = 200) -> str:
    response = (client or Client()).get(path)
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def test_the_versions_are_offered_in_a_form_that_needs_no_script(two_versions: None) -> None:
    text = text_of("/lab/ner/versions")
    assert 'name="from" value="1.0.0" aria-label="from 1.0.0" checked' in text
    assert 'name="to" value="1.1.0" aria-label="to 1.1.0" checked' in text
    assert 'action="/lab/ner/diff"' in text


def test_what_changed_stands_first_and_what_is_the_same_is_folded(two_versions: None) -> None:
    text = text_of("/lab/ner/diff?from=1.0.0&to=1.1.0")
    changed, _, folded = text.partition("<details>")
    assert '<th scope="row">Rank</th><td>4</td><td><strong>8</strong></td>' in changed
    assert '<th scope="row">Method</th>' not in changed
    assert "<dt>Method</dt>" in folded
    assert "notes.txt" in text


def test_the_words_that_changed_in_the_card_are_marked_and_its_markup_is_text(two_versions: None) -> None:
    text = text_of("/lab/ner/diff?from=1.0.0&to=1.1.0")
    assert "<del>German</del>" in text
    assert "<ins>Swiss</ins>" in text
    assert "&lt;b&gt;rulings&lt;/b&gt; &amp; laws" in text
    assert "<b>rulings" not in text


def test_the_same_version_twice_says_that_nothing_changed(two_versions: None) -> None:
    assert "are the same." in text_of("/lab/ner/diff?from=1.0.0&to=1.0.0")


def test_without_versions_one_is_led_to_choose_them(two_versions: None) -> None:
    assert Client().get("/lab/ner/diff").headers["Location"] == "/lab/ner/versions"
    text_of("/lab/ner/diff?from=9.9.9", status=404)


def test_a_private_adapter_has_neither_page_for_a_stranger(owner: User, base: BaseModel) -> None:
    published(owner, base, visibility="private", version="1.0.0")
    for path in ("versions", "diff?from=1.0.0", "why?base=tiny/llama"):
        text_of(f"/lab/ner/{path}", status=404)


def test_the_tensor_and_both_shapes_stand_in_a_table(owner: User, base: BaseModel) -> None:
    published(owner, base)
    make_wide_base(owner)
    text = text_of("/lab/ner/why?base=tiny/wide")
    assert "does not fit" in text
    assert 'q_proj.lora_A.weight</th><td class="shape">4 × 32</td><td class="shape">4 × 16</td>' in text
    assert 'href="/base-models/tiny/llama"' in text


def test_an_unknown_base_model_is_told_and_the_question_is_kept(owner: User, base: BaseModel) -> None:
    published(owner, base)
    text = text_of("/lab/ner/why?base=no/<such>")
    assert "No base model “no/&lt;such&gt;” is registered here." in text
    assert 'value="no/&lt;such&gt;"' in text


def test_the_adapters_page_leads_to_both(two_versions: None) -> None:
    text = text_of("/lab/ner")
    assert "/lab/ner/why?version=1.1.0" in text
    assert 'href="/lab/ner/versions"' in text
