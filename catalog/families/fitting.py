"""Refuse, before any compute, what the facts already tell cannot share a basis."""

from collections.abc import Iterable
from typing import Any

from catalog.adapters.models import Adapter, BlobState, File, Revision, RevisionState
from catalog.bases.models import BaseModel
from catalog.errors import Busy, Conflict, Gone, Unprocessable

_ACCEPTED = (RevisionState.PUBLISHED, RevisionState.YANKED)
# Options of LoRA that change how it is trained or scaled, and not what is in the file. With any other the pairs are
# not all of the adapter: DoRA has magnitudes, PiSSA changes the base, a bias belongs to neither factor.
_PLAIN = frozenset(
    {"rslora", "eva", "qlora", "lora-orthogonal", "mica", "lora-fa", "dylora", "dynamic-rank-lora", "lora-ga", "corda"}
)


def offered_revision(adapter: Adapter) -> Revision:
    """What a family fits of an adapter: its default version. Raises Conflict ``not_published`` without one."""
    version = adapter.default_version
    if version is None:
        raise Conflict("not_published", f"{adapter} offers no version", field="adapters", hint="Publish one first.")
    return version.revision


def damaged_among(revision_ids: Iterable[int]) -> set[int]:
    """Those of the revisions that have a file whose bytes are not here and right; one question for all."""
    files = File.objects.filter(revision__in=list(revision_ids)).exclude(blob__state=BlobState.STORED)
    return set(files.values_list("revision_id", flat=True))


def require_compressible(revision: Revision, base: BaseModel, *, damaged: set[int] | None = None) -> None:
    """Raise unless ``revision`` is a plain LoRA of ``base`` whose bytes are here.

    ``damaged`` is what :func:`damaged_among` said of many; without it the revision's own files are asked for.

    Raises:
        Conflict: ``not_published``. Gone: ``bytes_removed``. Busy: ``blob_damaged``.
        Unprocessable: ``mixed_base_models``, ``not_low_rank``.
    """
    if revision.state not in _ACCEPTED:
        raise Conflict("not_published", f"{revision} is {revision.state}", field="adapters")
    if revision.manifest is not None:
        raise Gone("bytes_removed", f"{revision} is {revision.state}; its bytes were removed")
    if revision.pk in (damaged_among([revision.pk]) if damaged is None else damaged):
        raise Busy("blob_damaged", f"the store's copy of {revision} is damaged", hint="Push the same files again.")
    if revision.base_model_id != base.pk:
        raise Unprocessable(
            "mixed_base_models",
            f"{revision} is for {revision.base_model}, and the family is for {base}",
            field="adapters",
            hint="A basis is shared by adapters of one base model.",
        )
    facts = revision.facts
    odd = sorted(set(facts.get("options") or ()) - _PLAIN)
    if facts.get("method") != "lora" or not facts.get("is_low_rank") or odd:
        what = ", ".join(odd) or facts.get("method_name") or facts.get("method") or "of no known method"
        raise Unprocessable(
            "not_low_rank",
            f"{revision} is {what}; only a plain LoRA is all in its two factors",
            field="adapters",
            hint="Merge what it holds beyond its factors into a LoRA first.",
        )


def require_same_shapes(revisions: Iterable[Revision]) -> None:
    """Raise Unprocessable ``mixed_shapes`` where two adapters disagree about a module, or about how modules are named.

    An adapter may leave out modules that others have: it is zero there.
    """
    seen: dict[str, tuple[Any, Any, Revision]] = {}
    formats: dict[str, Revision] = {}
    for revision in revisions:
        formats.setdefault(str(revision.facts.get("format")), revision)
        if len(formats) > 1:
            first, other = formats
            raise _mixed(f"{formats[first]} is a file of {first}, {formats[other]} of {other}")
        for module, d_out, d_in in revision.facts.get("requirements") or ():
            known = seen.setdefault(module, (d_out, d_in, revision))
            if known[:2] != (d_out, d_in):
                raise _mixed(f"{module} is {known[0]} x {known[1]} in {known[2]}, and {d_out} x {d_in} in {revision}")


def _mixed(detail: str) -> Unprocessable:
    return Unprocessable(
        "mixed_shapes", detail, field="adapters", hint="A basis is shared by adapters with the same module shapes."
    )
