"""What nobody filtered, counted beforehand: the sweep counts every value of what everybody sees."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from catalog.search.grouping import FACETS, Counts, every_value
from catalog.search.models import FacetCount, FacetState, SearchEntry, SearchTerms
from catalog.search.terms import Atom, Terms
from catalog.search.tokens import label
from catalog.taxonomy.domains import all_domains

# Whom everybody sees without asking what it was computed from.
OPEN = "is_public AND NOT is_derived"
SMALL = 10_000
"""Up to so many entries are counted when somebody asks, and by every sweep."""
_PAUSE = timedelta(minutes=10)
_COUNTED = (*FACETS, "tag", "modality", "weight")
_KEPT = (*_COUNTED, "domain")
_BATCH = 1000


def recount_if_due() -> bool:
    """Count every value again: a small catalog at once, a large one every ten minutes. Returns whether it was done.

    Of several workers one does it: whoever moves the time of the last count.
    """
    now = timezone.now()
    state, is_new = FacetState.objects.get_or_create(pk=1, defaults={"counted_at": now})
    if not is_new:
        pause = _PAUSE if state.entries > SMALL else timedelta(seconds=5)
        if not FacetState.objects.filter(pk=1, counted_at__lte=now - pause).update(counted_at=now):
            return False
    recount()
    return True


def recount() -> None:
    """Count every value now, and write those whose number has changed."""
    counts = {facet: every_value(facet, OPEN).get(facet, []) for facet in _COUNTED}
    counts["domain"] = list(count_domains().items())
    entries = SearchEntry.objects.filter(is_public=True, is_derived=False).count()
    with transaction.atomic():
        _write({(facet, value): count for facet, rows in counts.items() for value, count in rows})
        FacetState.objects.update_or_create(
            pk=1, defaults={"entries": entries}, create_defaults={"entries": entries, "counted_at": timezone.now()}
        )


def count_domains() -> dict[str, int]:
    """How many entries that everybody sees are of each domain: of several, a column holds the first alone."""
    path = "" if connection.vendor == "postgresql" else "entry__"
    seen = SearchTerms.objects.filter(**{f"{path}is_public": True, f"{path}is_derived": False})
    asked = {row.id: Terms(((Atom((label("domain", row.id),)),),)) for row in all_domains()}
    counts = {name: seen.filter(terms__match=terms).count() for name, terms in asked.items()}
    return {name: count for name, count in counts.items() if count}


def is_large() -> bool:
    """Whether values are counted beforehand, as counting them takes too long for somebody who waits."""
    return FacetState.objects.filter(pk=1, entries__gt=SMALL).exists()


def totals(most: int, facets: Sequence[str] = FACETS) -> Counts | None:
    """The ``most`` most frequent values of each of these facets, as counted last; None where the catalog is small."""
    state = FacetState.objects.filter(pk=1, entries__gt=SMALL).first()
    if state is None:
        return None
    part = "SELECT * FROM (SELECT facet, value, count FROM search_facetcount WHERE facet = %s"
    parts = [f"{part} ORDER BY count DESC, value LIMIT {int(most)}) AS {facet}_counts" for facet in facets]
    found: Counts = {"": [("", state.entries)]}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), list(facets))
        for facet, value, count in cursor.fetchall():
            found.setdefault(facet, []).append((value, count))
    return found


def counted_before(facet: str, value: str) -> int:
    """How many entries that everybody sees carry a value, as counted last; without a facet all of them, else 0."""
    if not facet:
        return FacetState.objects.filter(pk=1).values_list("entries", flat=True).first() or 0
    found = FacetCount.objects.filter(facet=facet, folded=value.casefold()).values_list("count", flat=True)
    return max(found, default=0)


def _write(counts: dict[tuple[str, str], int]) -> None:
    known = {(row.facet, row.value): row for row in FacetCount.objects.filter(facet__in=_KEPT).iterator()}
    gone = [row.pk for key, row in known.items() if key not in counts]
    for first in range(0, len(gone), _BATCH):
        FacetCount.objects.filter(pk__in=gone[first : first + _BATCH]).delete()
    new, changed = [], []
    for (facet, value), count in counts.items():
        row = known.get((facet, value))
        if row is None:
            new.append(FacetCount(facet=facet, value=value, folded=value.casefold(), count=count))
        elif row.count != count:
            row.count = count
            changed.append(row)
    # Two sweeps that overlap after all must not fail.
    FacetCount.objects.bulk_create(new, batch_size=_BATCH, ignore_conflicts=True)
    FacetCount.objects.bulk_update(changed, ["count"], batch_size=_BATCH)


def known_counts(facet: str, values: Sequence[str]) -> dict[str, int] | None:
    """How often each of these values of a facet was counted last; None where the catalog is small: count them."""
    if not FacetState.objects.filter(pk=1, entries__gt=SMALL).exists():
        return None
    counted = FacetCount.objects.filter(facet=facet, value__in=values)
    return dict(counted.values_list("value", "count"))
