"""A merge of what the small catalog has published, with its lineage."""

import pytest

from catalog.access.origins import record_origins
from catalog.adapters.models import Adapter, Revision
from catalog.derivations.models import Derivation, DerivationKind, DerivationState, Parent
from catalog.removals.models import Removal
from catalog.removals.removing import record_removed, request_removal
from tests.unit.frontend.conftest import Catalog


@pytest.fixture
def merged(catalog: Catalog, published: Adapter) -> Revision:
    """``team/merged``, made of ``team/ner-de``."""
    child = catalog.push(catalog.writer, "team/merged", approve=catalog.owner)
    derivation = Derivation.objects.create(
        kind=DerivationKind.MERGE,
        state=DerivationState.MADE,
        target=child.adapter,
        revision=child,
        recipe={"method": "ties", "density": 0.5},
        made_with={"torch": "2.13.0"},
        made_at=child.created_at,
    )
    assert published.default_version is not None
    origin = published.default_version.revision
    parent = Parent.of(origin, place=0, weight=0.25)
    parent.derivation = derivation
    parent.save()
    record_origins(child, [origin.pk])
    return child


def removed(catalog: Catalog, name: str) -> Removal:
    """A removal of ``team/<name>`` with its receipt."""
    doomed = catalog.push(catalog.writer, f"team/{name}", "9.9.9", approve=catalog.owner)
    removal = request_removal(catalog.owner, doomed.adapter, "9.9.9", reason="asked for by its author")
    job = removal.job
    assert job is not None
    record_removed(job, {"became": dict.fromkeys(doomed.files.values_list("blob_id", flat=True), "deleted")})
    removal.refresh_from_db()
    return removal
