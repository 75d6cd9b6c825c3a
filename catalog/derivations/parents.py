"""Who may be computed with: references become accepted revisions of one base model and of low-rank pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.accounts.models import Namespace, User
from catalog.adapters.models import Adapter, Revision, Visibility
from catalog.adapters.queries import get_adapter, get_revision
from catalog.adapters.querysets import OPEN_STATES
from catalog.bases.models import BaseModel
from catalog.derivations.models import Parent
from catalog.errors import DomainError, InvalidInput, Unprocessable
from catalog.evaluations.fitting import require_measurable
from catalog.names import split_reference

MOST_PARENTS = 100


@dataclass(frozen=True)
class Named:
    """A reference that somebody gave, and the revision that it means."""

    reference: str
    revision: Revision
    base: BaseModel

    @property
    def is_public(self) -> bool:
        """Whether everybody may see it."""
        return self.revision.adapter.visibility == Visibility.PUBLIC and self.revision.state in OPEN_STATES

    @property
    def has_copies(self) -> bool:
        """Whether its file keeps modules in full: heads, embeddings, biases."""
        facts = self.revision.facts
        return bool(facts.get("head_parameters") or facts.get("saved_parameters") or facts.get("heads"))


def named_parents(actor: User, references: Sequence[str], *, field: str = "members") -> list[Named]:
    """What the references mean, checked one by one and against each other.

    Raises:
        NotFound: absent, or not for ``actor``. Conflict, Gone, Busy: it cannot be read now.
        InvalidInput: ``members_missing``, too many, one twice. Unprocessable: ``not_peft``, ``not_low_rank``,
        ``mixed_base_models``, ``mixed_shapes``, ``unknown_base_model``.
    """
    if not references:
        raise InvalidInput("members_missing", "there is nothing to compute with", field=field, hint="Name an adapter.")
    if len(references) > MOST_PARENTS:
        raise InvalidInput(detail=f"{len(references)} adapters; at most {MOST_PARENTS} go together", field=field)
    found = [_named(actor, reference, field) for reference in references]
    for place, one in enumerate(found):
        if any(one.revision.pk == other.revision.pk for other in found[:place]):
            raise InvalidInput(detail=f"{one.reference} is named twice", field=field, hint="Raise its weight instead.")
    _require_one_base(found, field)
    _require_one_shape(found, field)
    return found


def as_parents(named: Sequence[Named], *, weights: Sequence[float] | None = None, role: str = "member") -> list[Parent]:
    """Unsaved rows that name these revisions with their digests."""
    return [
        Parent.of(one.revision, place=place, role=role, weight=None if weights is None else weights[place])
        for place, one in enumerate(named)
    ]


def visibility_for(named: Sequence[Named], asked: str) -> str:
    """What was asked for; else private where a parent is, and public otherwise."""
    return asked or (Visibility.PUBLIC if all(one.is_public for one in named) else Visibility.PRIVATE)


def namespace_of_job(named: Sequence[Named], target: Adapter) -> Namespace | None:
    """Whose members see the job, which names the parents: the target's, where all of them may see every parent."""
    own = target.namespace
    return own if all(one.is_public or one.revision.adapter.namespace_id == own.pk for one in named) else None


def _named(actor: User, reference: str, field: str) -> Named:
    try:
        full_name, ref = split_reference(reference)
        revision = get_revision(actor, get_adapter(actor, full_name), ref)
        base = require_measurable(revision)
        _require_low_rank(revision)
    except DomainError as error:
        error.field = field
        raise
    return Named(reference, revision, base)


def _require_low_rank(revision: Revision) -> None:
    """What the facts tell already; the job looks at the tensors themselves."""
    facts = revision.facts
    if facts.get("format") not in (None, "peft"):
        raise Unprocessable(
            "not_peft", f"{revision} is stored as {facts['format']}", hint="Convert it to a PEFT folder and push that."
        )
    if facts.get("method") != "lora" or "dora" in (facts.get("options") or ()):
        method = "DoRA" if facts.get("method") == "lora" else facts.get("method") or "of no known method"
        raise Unprocessable(
            "not_low_rank",
            f"{revision} is {method}: its low-rank pairs are not all of it",
            hint="Choose plain LoRAs, or merge that part into one first.",
        )


def _require_one_base(found: Sequence[Named], field: str) -> None:
    other = next((one for one in found if one.base.pk != found[0].base.pk), None)
    if other is not None:
        raise Unprocessable(
            "mixed_base_models",
            f"{found[0].reference} is for {found[0].base}, {other.reference} for {other.base}",
            field=field,
            hint="Adapters of one base model go together.",
        )


def _require_one_shape(found: Sequence[Named], field: str) -> None:
    seen: dict[str, tuple[list[int], str]] = {}
    for one in found:
        for module, *shape in one.revision.facts.get("requirements") or []:
            known, first = seen.setdefault(module, (shape, one.reference))
            if known != shape:
                raise Unprocessable(
                    "mixed_shapes",
                    f"{module} is {known} in {first} and {shape} in {one.reference}",
                    field=field,
                    hint="Adapters with the same module shapes go together.",
                )
