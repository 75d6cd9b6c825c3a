"""LoraHub: weights of a merge are searched on the anchor rows of an evaluation set."""

from typing import Any

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.bases.models import BaseModel
from catalog.derivations.checks import number, refuse_unknown, whole
from catalog.derivations.models import Derivation
from catalog.derivations.parents import Named
from catalog.errors import Gone, InvalidInput, Unprocessable
from catalog.evaluations.fitting import require_fit, require_rows
from catalog.evaluations.models import EvaluationSet, Harness, SetRevision
from catalog.evaluations.options import read_settings
from catalog.evaluations.queries import get_set_revision, rows_hidden
from catalog.evaluations.uncertainty import require_answers
from catalog.names import split_reference

# A search weighs the exact sum: these methods are that sum.
SUMS = ("cat", "svd")
_CHECKS = {
    "budget": (40, whole(1, 400)),
    "bound": (1.5, number(0.01, 100)),
    "l1_penalty": (0.05, number(0, 10)),
    "rows": (100, whole(10, 2000)),
}


def read_search(
    actor: User, given: dict[str, Any], *, method: str, keeper: Named | None, base: BaseModel
) -> dict[str, Any]:
    """The parts of a recipe that say how weights are searched, and on which rows.

    Raises:
        InvalidInput: settings, or a method that is no plain sum. NotFound: ``set_not_found``.
        NotPermitted: ``rows_hidden``. Unprocessable: ``anchor_missing``, ``harness_mismatch``, ``no_head``,
        ``labels_do_not_fit``. Busy: ``blob_damaged``.
    """
    refuse_unknown(given, ("evaluation_set", *_CHECKS))
    if method not in SUMS:
        raise InvalidInput(
            detail=f"weights are searched for the exact sum, and {method} is none",
            field="method",
            hint=" or ".join(SUMS),
        )
    reference = given.get("evaluation_set")
    if not isinstance(reference, str) or not reference:
        raise InvalidInput(detail="a search needs an evaluation_set", field="search", hint="Name one with anchor rows.")
    on = get_set_revision(actor, reference)
    if on.is_hidden and role_in(actor, on.evaluation_set.namespace) not in WRITE_ROLES:
        raise rows_hidden(on)
    require_rows(on)
    require_answers(on)
    _require_head(on, keeper, base)
    found = {name: check(name, given.get(name, usual)) for name, (usual, check) in _CHECKS.items()}
    return {"search": found, "evaluation_set": str(on), "set_digest": on.digest}


def _require_head(on: SetRevision, keeper: Named | None, base: BaseModel) -> None:
    if on.harness == Harness.SEQUENCE_CLASSIFICATION and keeper is None:
        raise Unprocessable(
            "no_head", f"{on} asks for labels, and no member's head is kept", field="heads", hint="Name the member."
        )
    require_fit(keeper.revision if keeper else None, base, on, read_settings({}))


def rows_of(derivation: Derivation) -> SetRevision:
    """The set that a search runs on, whoever may see it now.

    Raises:
        Gone: ``set_gone``, ``set_withdrawn``. Busy: ``blob_damaged``.
    """
    full_name, number = split_reference(derivation.recipe["evaluation_set"])
    sets = EvaluationSet.objects.named(full_name)
    found = SetRevision.objects.filter(evaluation_set__in=sets, number=int(number or 0)).first()
    if found is None or found.digest != derivation.recipe["set_digest"]:
        raise Gone("set_gone", f"{derivation.recipe['evaluation_set']} is not there any more, or holds other rows")
    require_rows(found)
    return found
