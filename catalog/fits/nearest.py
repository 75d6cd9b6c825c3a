"""What fits a base model and is nearest to a revision that does not: its versions, its relatives, adapters like it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision, RevisionState
from catalog.bases.models import BaseModel
from catalog.derivations.lineage import ancestors_of, descendants_of
from catalog.fits.comparing import compare_shapes
from catalog.fits.models import RevisionShapes, Verdict
from catalog.names import version_key
from catalog.search.listed import Listed
from catalog.search.queries import search
from catalog.search.query import SearchQuery

MOST = 3
_MOST_RELATIVES = 100
_OFFERED = (RevisionState.PUBLISHED, RevisionState.YANKED)


@dataclass(frozen=True)
class Alike:
    """Another adapter that fits, and what it shares with the one asked about, such as ``task`` and ``language``."""

    entry: Listed
    shares: tuple[str, ...]


@dataclass(frozen=True)
class Nearest:
    """What fits instead, in this order: versions of the same adapter, what it was made of or into, and others."""

    versions: list[Revision] = field(default_factory=list)
    relatives: list[Revision] = field(default_factory=list)
    adapters: list[Alike] = field(default_factory=list)


def nearest_that_fits(viewer: Actor, revision: Revision, base: BaseModel, *, most: int = MOST) -> Nearest:
    """What ``viewer`` may see, published, that has the shapes which ``base`` takes; at most so many of each kind."""
    related = ancestors_of([revision.pk]).revision_ids + descendants_of([revision.pk]).revision_ids
    versions = _fitting(viewer, base, list(revision.adapter.revisions.values_list("pk", flat=True)))
    versions = [found for found in versions if found.pk != revision.pk and hasattr(found, "version")]
    versions.sort(key=lambda found: version_key(found.version.name), reverse=True)
    relatives = [found for found in _fitting(viewer, base, related) if found.adapter_id != revision.adapter_id]
    known = {revision.adapter_id, *(found.adapter_id for found in relatives)}
    return Nearest(versions[:most], relatives[:most], _alike(viewer, revision, base, known, most))


def _fitting(viewer: Actor, base: BaseModel, ids: Sequence[int]) -> list[Revision]:
    """Those of the revisions that are offered, seen and fit, the newest first."""
    recorded = RevisionShapes.objects.filter(revision__in=ids).select_related("shapes").order_by("-revision_id")
    shapes = {row.shapes_id: row.shapes for row in recorded[:_MOST_RELATIVES]}
    fits = {digest: compare_shapes(found, base) for digest, found in shapes.items()}
    good = [digest for digest, row in fits.items() if row is not None and row.verdict == Verdict.FITS]
    seen = Revision.objects.visible_to(viewer).filter(pk__in=ids, state__in=_OFFERED, shapes__shapes__in=good)
    return list(seen.select_related("adapter__namespace", "version", "base_model").order_by("-pk")[:_MOST_RELATIVES])


def _alike(viewer: Actor, revision: Revision, base: BaseModel, known: set[int], most: int) -> list[Alike]:
    """Adapters of the same task and language, then of one of the two, then any: the most downloaded first."""
    language = next(iter(revision.languages), "")
    wanted = {"task": revision.task, "language": language}
    wanted = {name: value for name, value in wanted.items() if value}
    steps = [tuple(wanted), *((name,) for name in wanted), ()] if len(wanted) > 1 else [tuple(wanted), ()]
    found: list[Alike] = []
    for shares in dict.fromkeys(steps):
        given = {name: wanted[name] if name in shares else "" for name in ("task", "language")}
        query = SearchQuery(fits=str(base), task=given["task"], language=given["language"])
        page = search(query, viewer, limit=most + len(known))
        for entry in page.rows:
            if entry.adapter_id is not None and entry.adapter_id not in known and len(found) < most:
                known.add(entry.adapter_id)
                found.append(Alike(entry, shares))
    return found
