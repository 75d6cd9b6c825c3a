"""Resolve ``org/name@1.2.0`` and a base model to exactly one revision, or say which tensor does not fit."""

from dataclasses import dataclass
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.models import BaseModel, BaseModelShapes
from catalog.bases.queries import find_base
from catalog.errors import Conflict, NotFound
from catalog.fits.explaining import compare_file
from catalog.names import split_reference
from catalog.removals.queries import withdrawn_origins
from kernels.formats.compatibility import fits

_REFUSED = (RevisionState.INVALID, RevisionState.REJECTED, RevisionState.RETURNED, RevisionState.VALIDATING)


@dataclass(frozen=True)
class Resolution:
    """What a pull gets."""

    revision: Revision
    base: BaseModel | None
    warnings: list[dict[str, Any]]


def resolve(actor: Actor, reference: str, *, base_reference: str = "") -> Resolution:
    """The revision that ``reference`` means, fitted to ``base_reference`` (its own base model when empty).

    Raises:
        NotFound: no such adapter or version that ``actor`` may see, or ``unknown_base_model``.
        Gone: ``withdrawn``. Conflict: ``not_published``, or ``base_mismatch`` with tensor, expected and received.
    """
    full_name, ref = split_reference(reference)
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    if revision.state in _REFUSED:
        raise Conflict("not_published", f"{revision} is {revision.state}", hint="Choose a published version.")
    warnings = []
    version = getattr(revision, "version", None)
    if revision.state == RevisionState.YANKED and version is not None:
        warnings.append({"code": "yanked", "detail": f"{version} was yanked: {version.yank_reason}"})
    if revision.is_derived:
        warnings += [
            {"code": "parent_withdrawn", "detail": f"{revision} was made of {withdrawal}"}
            for withdrawal in withdrawn_origins(revision)
        ]
    if revision.state == RevisionState.PENDING:
        warnings.append({"code": "pending", "detail": f"{revision} has not been reviewed"})
    base = revision.base_model
    if base_reference:
        other = find_base(base_reference)
        if other is None:
            raise NotFound("unknown_base_model", f"no base model {base_reference!r} is registered here", field="base")
        if base is None or other.pk != base.pk:
            require_fit(revision, other)
            warnings.append({"code": "other_base", "detail": f"made for {base}; the shapes fit {other} too"})
            base = other
    return Resolution(revision, base, warnings)


def require_fit(revision: Revision, base: BaseModel) -> None:
    """Raise Conflict ``base_mismatch`` naming the first tensor that does not fit ``base``."""
    shapes = BaseModelShapes.objects.filter(base=base).first()
    if shapes is None:
        raise Conflict("base_mismatch", f"{base} has no shape table yet", field="base")
    compared = compare_file(revision, shapes.as_shapes())
    is_unknown = not revision.facts.get("requirements") if compared is None else compared.verdict == "unknown"
    if is_unknown:  # soft prompts, scalings ...: no module's shape was recorded
        method = revision.facts.get("method_name") or revision.facts.get("method") or "this method"
        raise Conflict(
            "base_mismatch",
            f"whether {revision.adapter.full_name} fits {base} is not known: shapes alone do not tell for {method}",
            field="base",
            hint=f"It was made for {revision.base_model}.",
        )
    said = fits(revision.facts, shapes.as_shapes()) if compared is None else compared.findings
    problems = [finding for finding in said if finding.severity == "error"]
    if problems:
        first = problems[0].as_dict()
        raise Conflict(
            "base_mismatch",
            f"{revision.adapter.full_name} does not fit {base}: {first['message']}",
            field="base",
            hint=f"It was made for {revision.base_model}.",
            tensor=first.get("tensor"),
            expected=first.get("expected"),
            received=first.get("received"),
            mismatches=len(problems),
        )
