"""A base model's page: what there is for it by task and language, where nothing is, who leads, which families."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.bases.models import BaseModel
from catalog.search.coverage import coverage
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import make_family
from tests.unit.catalog.kept_bases import keep_basis
from tests.unit.frontend.conftest import BASE, Catalog
from tests.unit.frontend.measured import Measured

pytestmark = pytest.mark.django_db


def page(client: Client | None = None, *, base: str = BASE) -> str:
    response = (client or Client()).get(f"/base-models/{base}")
    assert response.status_code == 200
    return response.content.decode()


def publish(catalog: Catalog, name: str, task: str, languages: list[str], **given: object) -> None:
    catalog.push(catalog.writer, f"team/{name}", approve=catalog.owner, task=task, languages=languages, **given)


def test_gaps_by_task_and_language_are_shown_and_counts_lead_to_their_lists(catalog: Catalog) -> None:
    publish(catalog, "names", "token-classification", ["de", "fr"])
    publish(catalog, "films", "text-classification", ["de"])
    text = page()
    assert "1 gap</small>" in text
    assert '<span class="gap">–<span class="unseen"> none</span></span>' in text
    href = text.partition('title="Token classification, French"')[0].rpartition('href="')[2].partition('"')[0]
    found = Client().get(href.replace("&amp;", "&")).content.decode()
    assert "team/names" in found
    assert "team/films" not in found


def test_private_adapters_count_for_members_alone(catalog: Catalog, as_owner: Client) -> None:
    publish(catalog, "hidden", "token-classification", ["sw"], visibility="private")
    assert "Swahili" not in page()
    assert "Swahili" in page(as_owner)


def test_one_without_task_or_language_is_counted_apart(catalog: Catalog) -> None:
    publish(catalog, "names", "token-classification", ["de"])
    publish(catalog, "nothing-said", "", [])
    found = coverage(catalog.owner, BaseModel.objects.get(name=BASE))
    assert (found.cells, found.without, found.gaps) == ([[1]], 1, 0)


def test_the_best_of_each_set_stand_with_what_they_gain(measured: Measured) -> None:
    text = page()
    board = text.partition('id="leaders"')[2].partition("</section>")[0]
    assert "team/films" in board
    assert "team/sentiment" in board


def test_a_family_stands_with_the_curve_of_its_basis(settings: Any, tmp_path: Path, db: None) -> None:
    settings.HUB_STORAGE_URL = str(tmp_path / "store")
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    keeper = make_user("keeper")
    make_namespace(keeper, is_review_required=False)
    family = make_family(keeper, 3)
    keep_basis(family)
    text = page(base=family.base_model.name)
    assert f"{family}: bytes against what is missed" in text
    assert text.count('id="curve') == 1
