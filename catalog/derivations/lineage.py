"""Ancestors and descendants: what something was made of, and everything that was made of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from catalog.adapters.models import Revision
from catalog.derivations.models import Parent


@dataclass(frozen=True)
class Lineage:
    """Revisions reached from one, without it: their ids, each once, nearest first, and the steps between them."""

    revision_ids: list[int] = field(default_factory=list)
    steps: list[Parent] = field(default_factory=list)


def ancestors_of(revision_ids: Iterable[int]) -> Lineage:
    """Everything that these revisions were computed from, however far back. One query for each generation."""
    steps = Parent.objects.select_related("derivation")
    return _walk(revision_ids, lambda ids: steps.filter(derivation__revision_id__in=ids), _parent_of)


def descendants_of(revision_ids: Iterable[int]) -> Lineage:
    """Everything that was computed from these revisions, however many steps on. One query for each generation."""
    made = Parent.objects.select_related("derivation").exclude(derivation__revision=None)
    return _walk(revision_ids, lambda ids: made.filter(revision_id__in=ids), _child_of)


def _walk(
    start: Iterable[int], steps_from: Callable[[list[int]], Iterable[Parent]], end_of: Callable[[Parent], int]
) -> Lineage:
    reached, found = set(start), Lineage()
    generation = sorted(reached)
    while generation:
        following = []
        for step in steps_from(generation):
            found.steps.append(step)
            end = end_of(step)
            if end not in reached:
                reached.add(end)
                following.append(end)
        found.revision_ids.extend(following)
        generation = following
    return found


def _parent_of(step: Parent) -> int:
    return step.revision_id


def _child_of(step: Parent) -> int:
    made = step.derivation.revision_id
    assert made is not None, "asked for with a revision"
    return made


def revisions_in_order(ids: list[int]) -> list[Revision]:
    """The revisions of these ids in this order, with what names them."""
    found = Revision.objects.select_related("adapter__namespace", "version").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
