"""Why does this adapter fit that base model, or not: the exact tensors, and what fits instead."""

from dataclasses import dataclass, field
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.models import BaseModel, BaseModelShapes
from catalog.bases.queries import require_base
from catalog.fits.explaining import compare_file
from catalog.fits.nearest import Nearest, nearest_that_fits
from catalog.fits.queries import bases_that_fit, shapes_of
from kernels.formats.compatibility import fits
from kernels.formats.requirements import Comparison

MOST_FINDINGS = 20


@dataclass(frozen=True)
class Answer:
    """Whether a revision fits a base model, and on what that rests.

    ``verdict`` is ``fits``, ``differs`` or ``unknown``; ``findings`` are the first tensors that do not fit, as in a
    validation report. ``fitting_bases``: registered base models that take it.
    """

    revision: Revision
    base: BaseModel
    verdict: str
    reason: str
    checked: int = 0
    unmatched: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    findings_left_out: int = 0
    nearest: Nearest = field(default_factory=Nearest)
    fitting_bases: list[BaseModel] = field(default_factory=list)


def why(viewer: Actor, full_name: str, base_reference: str, *, ref: str = "") -> Answer:
    """Compare the version (the default one when ``ref`` is empty) with a registered base model.

    Raises:
        NotFound, Gone: as ``get_adapter`` and ``get_revision``. Unprocessable: ``unknown_base_model``.
    """
    revision = get_revision(viewer, get_adapter(viewer, full_name), ref)
    return why_revision(viewer, revision, require_base(base_reference))


def why_revision(viewer: Actor, revision: Revision, base: BaseModel) -> Answer:
    """As :func:`why`, of a revision that the viewer was found to see."""
    shapes = shapes_of(revision)
    others = [found for found in bases_that_fit(shapes) if found.pk != base.pk] if shapes else []
    row = BaseModelShapes.objects.filter(base=base).first()
    if row is None:
        reason = f"{base} is {base.state}: it has no shape table to compare with"
        return Answer(revision, base, "unknown", reason, fitting_bases=others)
    compared = compare_file(revision, row.as_shapes()) or _by_facts(revision, row)
    verdict = compared.verdict if compared else "unknown"
    if compared is None or verdict == "unknown":
        nearest = nearest_that_fits(viewer, revision, base)
        return Answer(revision, base, "unknown", _unknown(revision), nearest=nearest, fitting_bases=others)
    findings = [finding.as_dict() for finding in compared.findings]
    return Answer(
        revision,
        base,
        verdict,
        _said(revision, base, compared),
        compared.checked,
        compared.unmatched,
        findings[:MOST_FINDINGS],
        max(0, len(findings) - MOST_FINDINGS),
        Nearest() if verdict == "fits" else nearest_that_fits(viewer, revision, base),
        others,
    )


def _by_facts(revision: Revision, row: BaseModelShapes) -> Comparison | None:
    """For what was validated before shapes were kept: by the widths in its facts, where there are any."""
    wanted = revision.facts.get("requirements") if isinstance(revision.facts, dict) else None
    if not wanted:
        return None
    findings = [finding for finding in fits(revision.facts, row.as_shapes()) if finding.severity == "error"]
    return Comparison("differs" if findings else "fits", 2 * len(wanted), len(findings), findings)


def _said(revision: Revision, base: BaseModel, compared: Comparison) -> str:
    if compared.verdict == "fits":
        own = "" if revision.base_model_id == base.pk else f"; it was made for {revision.base_model}"
        return f"all {compared.checked} tensors that were checked have the shapes that {base} needs{own}"
    first = compared.findings[0].message if compared.findings else "its tensors have other shapes"
    return f"{compared.unmatched} of its tensors do not fit. The first: {first}"


def _unknown(revision: Revision) -> str:
    method = revision.facts.get("method_name") or revision.facts.get("method") or "this method"
    return (
        f"shapes alone do not tell for {method}: it was checked against {revision.base_model or 'no base model'} only"
    )
