"""Ask for an adapter that learns coefficients alone on the principal directions of others (EigenLoRAx)."""

from typing import Any

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.adapters.services import namespace_for_push
from catalog.derivations.family_directions import directions_of, family_members
from catalog.derivations.models import Derivation, DerivationKind
from catalog.derivations.parents import named_parents
from catalog.derivations.starting import Wanted, start
from catalog.derivations.training_settings import read_adapt_settings
from catalog.errors import InvalidInput, Unprocessable
from catalog.evaluations.fitting import require_rows
from catalog.evaluations.models import Harness, SetRevision
from catalog.evaluations.offering import require_offered
from catalog.evaluations.queries import get_set_revision, rows_hidden
from catalog.names import check_version

ADAPT = "adapt"


def request_adaptation(
    actor: User,
    *,
    adapter: str,
    evaluation_set: str,
    members: list[str] | None = None,
    family: str = "",
    version: str = "",
    settings: dict[str, Any] | None = None,
) -> Derivation:
    """Learn ``adapter`` on a set's rows from the directions of ``members`` or of a ``family``; it waits for its job.

    Raises:
        NotFound: a member, ``family_not_found``, or ``set_not_found``. NotPermitted: ``actor`` does not write there, or
        ``rows_hidden``. InvalidInput: settings, or neither members nor a family. Unprocessable: ``mixed_base_models``,
        ``mixed_shapes``, ``not_low_rank``, ``family_empty``, ``harness_mismatch``, ``split_missing``. Conflict, Gone,
        Busy: as :mod:`catalog.evaluations.fitting`.
    """
    asked = read_adapt_settings(settings or {})
    if bool(members) == bool(family):
        raise InvalidInput(detail="give members, or a family; not both and not neither", field="members")
    if version:
        check_version(version)
    namespace_for_push(actor, adapter)
    # Whoever asks for other directions than those of the family's basis gets them from its members.
    has_choice = bool({"components", "energy", "is_centred"} & set(settings or {}))
    directions = directions_of(actor, family) if family and not has_choice else None
    if directions is not None:
        parents = directions.members
    elif family:
        parents = family_members(actor, family)
    else:
        parents = [one.revision for one in named_parents(actor, members or [])]
    base = parents[0].base_model
    on = get_set_revision(actor, evaluation_set)
    require_trainable(actor, on, asked["split"])
    recipe = {"base_model": str(base), "evaluation_set": str(on), "set_digest": on.digest, "family": family, **asked}
    recipe["metadata"] = {"base": str(base), "task": on.task, "languages": on.languages}
    if directions is not None:
        recipe |= {"basis": str(directions.basis), "basis_digest": directions.basis.blob_id}
    wanted = Wanted(adapter, version, parents, recipe, {"evaluation": on})
    return start(actor, wanted, kind=DerivationKind.ADAPT)


def require_trainable(actor: User, on: SetRevision, split: str) -> None:
    """Refuse rows that ``actor`` may not train on, or that have no labels.

    Raises NotPermitted ``rows_hidden``, Unprocessable ``harness_mismatch`` or ``split_missing``, Busy.
    """
    # What was trained on hidden rows could tell of them.
    if on.is_hidden and role_in(actor, on.evaluation_set.namespace) not in WRITE_ROLES:
        raise rows_hidden(on)
    if on.harness != Harness.SEQUENCE_CLASSIFICATION:
        raise Unprocessable(
            "harness_mismatch",
            f"{on} is for {on.harness}; training needs texts with one label each",
            field="evaluation_set",
            hint="Choose a set of sequence classification.",
        )
    require_offered(on)
    require_split(on, split)
    require_rows(on)


def require_split(on: SetRevision, split: str) -> None:
    """Raise Unprocessable ``split_missing`` unless the set has it."""
    splits = sorted(on.files.values_list("split", flat=True))
    if split not in splits:
        raise Unprocessable(
            "split_missing",
            f"{on} has no split {split!r}; it has {', '.join(splits)}",
            field="evaluation_set",
            hint="Add a revision of the set with such rows, or name another split in the settings.",
        )
