"""What changed between two revisions of a collection, as far as somebody may see it."""

from bisect import bisect_left
from dataclasses import dataclass, field

from catalog.accounts.querysets import Actor
from catalog.collections.models import Collection, CollectionItem
from catalog.collections.queries import get_collection_revision, items_of

Key = tuple[int | None, int | None, str]


@dataclass(frozen=True)
class Change:
    """One item in both revisions: before and after."""

    before: CollectionItem
    after: CollectionItem


@dataclass(frozen=True)
class CollectionDiff:
    """From one revision to another; ``moved`` are those that changed places among the ones that stayed."""

    start: int
    end: int
    added: list[CollectionItem] = field(default_factory=list)
    removed: list[CollectionItem] = field(default_factory=list)
    moved: list[Change] = field(default_factory=list)
    noted: list[Change] = field(default_factory=list)
    other_version: list[Change] = field(default_factory=list)
    summary: tuple[str, str] | None = None
    description: tuple[str, str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed that the viewer may see."""
        lists = (self.added, self.removed, self.moved, self.noted, self.other_version)
        return not any(lists) and self.summary is None and self.description is None


def diff_collection(actor: Actor, collection: Collection, start: int, end: int) -> CollectionDiff:
    """The difference. Positions are those that ``actor`` sees. Raises NotFound ``no_such_revision``."""
    first, last = (get_collection_revision(collection, number) for number in (start, end))
    assert first is not None
    assert last is not None
    before, after = _numbered(list(items_of(actor, first))), _numbered(list(items_of(actor, last)))
    old, new = {_key(item): item for item in before}, {_key(item): item for item in after}
    removed, added = (
        [item for item in before if _key(item) not in new],
        [item for item in after if _key(item) not in old],
    )
    pinned = []
    for item in list(removed):
        twin = next((other for other in added if _key(other)[:2] == _key(item)[:2]), None)
        if twin is not None:
            pinned.append(Change(item, twin))
            removed.remove(item)
            added.remove(twin)
    stayed = [Change(old[_key(item)], item) for item in after if _key(item) in old]
    in_place = _longest_in_order([change.before.position for change in stayed])
    return CollectionDiff(
        start=start,
        end=end,
        added=added,
        removed=removed,
        moved=[change for at, change in enumerate(stayed) if at not in in_place],
        noted=[change for change in stayed + pinned if change.before.note != change.after.note],
        other_version=pinned,
        summary=(first.summary, last.summary) if first.summary != last.summary else None,
        description=(first.description, last.description) if first.description != last.description else None,
    )


def _key(item: CollectionItem) -> Key:
    return item.adapter_id, item.record_id, item.version


def _numbered(items: list[CollectionItem]) -> list[CollectionItem]:
    """Positions as the viewer counts them: gaps would tell of what he may not see."""
    for position, item in enumerate(items, start=1):
        item.position = position
    return items


def _longest_in_order(positions: list[int]) -> set[int]:
    """Indexes of a longest rising part: what needs no moving, so that the fewest items are said to have moved."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for at, position in enumerate(positions):
        place = bisect_left(ends, position)
        before.append(tails[place - 1] if place else -1)
        ends[place : place + 1] = [position]
        tails[place : place + 1] = [at]
    kept, at = set(), tails[-1] if tails else -1
    while at >= 0:
        kept.add(at)
        at = before[at]
    return kept
