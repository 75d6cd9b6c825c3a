"""What is near a revision, as far as somebody may see it: copies for its reviewer, similar adapters for everybody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from catalog.accounts.querysets import Actor, is_staff
from catalog.accounts.services import can_review
from catalog.adapters.models import Revision, RevisionState
from catalog.derivations.lineage import ancestors_of, descendants_of
from catalog.errors import NotFound
from catalog.similarity.comparing import Compared, compare_with_all
from catalog.similarity.models import Fingerprint
from catalog.similarity.recording import MEASURED_STATES
from kernels.similarity.codes import standard_error

COPY_COSINE = 0.99
NEAR_COSINE = 0.9
SIMILAR_COSINE = 0.2  # unrelated updates have 0 +- 0.044
SAME_START_COSINE = 0.5  # unrelated starts have 0 +- 0.06, those of one seed usually over 0.9
_CHUNK = 500
_SEEN_BY_REVIEWERS = (*MEASURED_STATES, RevisionState.REJECTED, RevisionState.RETURNED, RevisionState.WITHDRAWN)


@dataclass(frozen=True)
class Near:
    """Another revision and how near it is.

    cosine: of the whole updates, None where there are no low-rank pairs to compare. norm_ratio: its norm over the norm
    of the one asked about. relation: ``parent`` where the one asked about was computed from it here, ``child`` where it
    was computed from that one.
    """

    revision: Revision
    cosine: float | None
    initial_a: float
    norm_ratio: float
    has_same_tensors: bool
    relation: str = ""

    @property
    def likeness(self) -> str:
        """``same_tensors``, ``copy``, ``near_duplicate`` or ``similar``."""
        if self.has_same_tensors:
            return "same_tensors"
        cosine = self.cosine or 0.0
        return "copy" if cosine >= COPY_COSINE else "near_duplicate" if cosine >= NEAR_COSINE else "similar"

    @property
    def standard_error(self) -> float | None:
        """Of the cosine, which a sketch estimates."""
        return None if self.cosine is None else standard_error(self.cosine)


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest adapters by their updates, and those that began at the same A; one revision of each adapter."""

    fingerprint: Fingerprint
    similar: list[Near] = field(default_factory=list)
    same_start: list[Near] = field(default_factory=list)


@dataclass(frozen=True)
class Copies:
    """Copies and near duplicates that the reviewer may see, and whether there is a copy that he may not see."""

    found: list[Near] = field(default_factory=list)
    has_hidden: bool = False


def fingerprint_of(revision: Revision) -> Fingerprint:
    """Raises NotFound ``not_fingerprinted`` where there is none yet."""
    found = Fingerprint.objects.filter(revision_id=revision.pk).first()
    if found is None:
        raise NotFound(
            "not_fingerprinted",
            f"{revision} has no fingerprint yet",
            hint="Accepted revisions get one with their validation, older ones by a job in the background.",
        )
    return found


def similar_to(
    actor: Actor, revision: Revision, *, limit: int = 10, least_cosine: float = SIMILAR_COSINE
) -> Neighbourhood:
    """The other adapters nearest to ``revision`` among those that ``actor`` may see, the nearest first.

    Raises:
        NotFound: ``not_fingerprinted``.
    """
    own = fingerprint_of(revision)
    compared = compare_with_all(own)
    visible = _Visible(actor, revision, MEASURED_STATES)
    return Neighbourhood(
        own,
        visible.rows(own, compared, compared.near(least_cosine), limit),
        visible.rows(own, compared, compared.sharing_start(SAME_START_COSINE), limit),
    )


def copies_of(actor: Actor, revision: Revision, *, limit: int = 10) -> Copies:
    """What a reviewer should know before he decides: copies and near duplicates, also refused and withdrawn ones.

    A copy of what he may not see is said to exist, and nothing else: neither whose it is, nor how old, nor how many
    there are. The author is not even told that, and nor is who does not review: whoever holds the weights could
    otherwise ask which private adapters the hub has.

    Raises:
        NotFound: ``not_fingerprinted``.
    """
    own = fingerprint_of(revision)
    compared = compare_with_all(own)
    found = _Visible(actor, revision, _SEEN_BY_REVIEWERS).rows(own, compared, compared.near(NEAR_COSINE), limit)
    may_know = can_review(actor, revision.adapter.namespace) and revision.author_id != actor.pk
    if is_staff(actor) or not may_know:
        return Copies(found)
    return Copies(found, has_hidden=_is_any_hidden(actor, revision, compared))


def _is_any_hidden(actor: Actor, revision: Revision, compared: Compared) -> bool:
    ids = [int(compared.revision_ids[place]) for place in compared.near(COPY_COSINE)]
    for chunk in _chunks(ids):
        there = Revision.objects.filter(pk__in=chunk, state__in=MEASURED_STATES).exclude(adapter=revision.adapter_id)
        there = there.filter(adapter__deleted_at=None, adapter__namespace__deleted_at=None)
        if there.exclude(pk__in=Revision.objects.visible_to(actor).filter(pk__in=chunk).values("pk")).exists():
            return True
    return False


class _Visible:
    """Revisions of other adapters that the actor may see, in one of these states."""

    def __init__(self, actor: Actor, revision: Revision, states: Sequence[str]) -> None:
        self.revision = revision
        seen = Revision.objects.visible_to(actor).filter(state__in=states).exclude(adapter=revision.adapter_id)
        self.seen = seen.select_related("adapter__namespace", "version", "base_model")

    def rows(self, own: Fingerprint, compared: Compared, places: list[int], limit: int) -> list[Near]:
        """The first ``limit`` of these places, the nearest revision of each adapter."""
        found: dict[int, Near] = {}
        for chunk in _chunks(places):
            seen = self.seen.in_bulk([int(compared.revision_ids[place]) for place in chunk])
            for place in chunk:
                revision = seen.get(int(compared.revision_ids[place]))
                if revision is None or revision.adapter_id in found:
                    continue
                found[revision.adapter_id] = self._near(own, compared, place, revision)
                if len(found) == limit:
                    return self._with_relations(list(found.values()))
        return self._with_relations(list(found.values()))

    def _near(self, own: Fingerprint, compared: Compared, place: int, revision: Revision) -> Near:
        return Near(
            revision,
            cosine=float(compared.update[place]) if own.update_code else None,
            initial_a=float(compared.initial_a[place]),
            norm_ratio=float(compared.norm_ratios[place]),
            has_same_tensors=bool(compared.are_twins[place]),
        )

    def _with_relations(self, rows: list[Near]) -> list[Near]:
        if not rows:
            return rows
        parents = set(ancestors_of([self.revision.pk]).revision_ids)
        children = set(descendants_of([self.revision.pk]).revision_ids)
        return [
            Near(
                row.revision,
                row.cosine,
                row.initial_a,
                row.norm_ratio,
                row.has_same_tensors,
                "parent" if row.revision.pk in parents else "child" if row.revision.pk in children else "",
            )
            for row in rows
        ]


def _chunks(items: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
