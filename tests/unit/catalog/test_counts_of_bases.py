"""How many adapters a base model has: counted in a small catalog, known beforehand in a large one."""

import pytest
from django.utils import timezone

from catalog.bases.models import BaseModel
from catalog.bases.queries import count_adapters, find_bases
from catalog.search.models import FacetCount, FacetState
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.shaping import make_wide_base, published

pytestmark = pytest.mark.django_db


def counted() -> dict[str, int]:
    bases: list[BaseModel] = list(find_bases())
    count_adapters(bases)
    return {base.name: base.adapters for base in bases}  # type: ignore[attr-defined]


def test_public_adapters_are_counted_and_private_ones_are_not() -> None:
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    make_wide_base(owner)
    published(owner, base, "lab/open")
    published(owner, base, "lab/hidden", visibility="private")
    assert counted() == {"tiny/llama": 1, "tiny/wide": 0}


def test_in_a_large_catalog_what_the_search_counted_is_told() -> None:
    make_base(make_user("owner"))
    FacetState.objects.create(pk=1, entries=1_000_000, counted_at=timezone.now())
    FacetCount.objects.create(facet="base", value="tiny/llama", folded="tiny/llama", count=94_641)
    assert counted() == {"tiny/llama": 94_641}
