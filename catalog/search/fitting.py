"""Which shapes fit a base model, as digests of what was checked."""

from catalog.bases.models import BaseModel
from catalog.search.models import SearchEntry


def digests_that_fit(base: BaseModel) -> list[str]:
    """Digests of the shapes of adapters that were checked against this base model, whoever they name as theirs."""
    checked = SearchEntry.objects.filter(base_model=base, adapter__isnull=False).exclude(shape_digest="")
    return list(checked.order_by().values_list("shape_digest", flat=True).distinct())
