"""How far down the downloads one must read: what is frequent is read of the most downloaded entries alone.

A word of every third entry has its 10,000 most downloaded among a few ten thousand entries. PostgreSQL has an index
over the words of those above each floor, a weight; SQLite counts hits quickly enough without.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from catalog.migrating import end_migration, prepare_for_migration
from catalog.search.known_words import forget, kept
from catalog.search.models import FacetCount
from catalog.search.postgresql_index import TABLE, drop_index, index_words
from catalog.search.totals import counted_before

_FACET = "floor"
SIZES = (52_000, 130_000, 300_000)
"""About so many entries lie above each floor."""


@dataclass(frozen=True)
class Floor:
    """A weight, and about how many entries have it or more."""

    weight: int
    entries: int


def floors() -> list[Floor]:
    """On PostgreSQL, the highest first; the last one is the bottom, with all there is above it."""
    return kept("floors", lambda: [*_read(), Floor(0, counted_before("", ""))])


def make_floors(connection: BaseDatabaseWrapper) -> None:
    """Make what is missing of the indexes above the floors, other ones where the downloads have grown past theirs.

    Outside of transactions.
    """
    if connection.vendor != "postgresql":
        return
    known = _read()
    wanted = _wanted([floor.weight for floor in known])
    if not (known or wanted):
        return
    prepare_for_migration()
    try:
        for floor in wanted:
            index_words(connection, _index_of(floor), condition=f"weight >= {floor.weight}")
        gone = [floor for floor in known if floor.weight not in {other.weight for other in wanted}]
        if gone or len(known) < len(wanted):
            _write(wanted)
        for floor in gone:
            drop_index(connection, _index_of(floor))
    finally:
        end_migration()


def _wanted(known: list[int]) -> list[Floor]:
    """For each size a floor: one of ``known`` while it is about right, else the one that fits best."""
    counts = FacetCount.objects.filter(facet="weight").values_list("value", "count")
    above, reached = dict[int, int](), 0
    for weight, count in sorted(((int(value), count) for value, count in counts if int(value)), reverse=True):
        reached += count
        above[weight] = reached
    found = list[Floor]()
    for size in SIZES if reached > 2 * min(SIZES) else ():
        near = {weight: entries for weight, entries in above.items() if size / 2 <= entries <= 2 * size}
        if near and size < reached:
            usual = {weight: entries for weight, entries in near.items() if weight in known} or near
            found.append(Floor(*min(usual.items(), key=lambda row: abs(row[1] - size))))
    # Where few were ever downloaded, one is the best for both sizes.
    return list(dict.fromkeys(found))


def _write(floors: list[Floor]) -> None:
    rows = [FacetCount(facet=_FACET, value=str(floor.weight), folded="", count=floor.entries) for floor in floors]
    with transaction.atomic():
        FacetCount.objects.filter(facet=_FACET).delete()
        FacetCount.objects.bulk_create(rows)
    forget()


def _index_of(floor: Floor) -> str:
    return f"{TABLE}_above_{floor.weight}"


def _read() -> list[Floor]:
    rows = FacetCount.objects.filter(facet=_FACET).values_list("value", "count")
    return sorted((Floor(int(weight), entries) for weight, entries in rows), key=lambda floor: floor.entries)
