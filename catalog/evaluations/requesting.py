"""Ask for evaluations: bad input is refused first, then subjects that share a base model and a set share a job."""

from collections.abc import Iterable
from typing import Any

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.queries import require_base
from catalog.errors import DomainError, InvalidInput, NotPermitted
from catalog.evaluations.fitting import require_companion, require_fit, require_measurable, require_rows
from catalog.evaluations.grouping import Asked, Requested, Wanted, ask
from catalog.evaluations.models import Cause, Evaluation, SetRevision
from catalog.evaluations.options import read_settings
from catalog.evaluations.queries import get_set_revision
from catalog.names import split_reference

MOST_PER_REQUEST = 100


def request_evaluations(
    actor: User,
    *,
    evaluation_set: str,
    adapters: Iterable[str] = (),
    base_model: str = "",
    companion: str = "",
    settings: dict[str, Any] | None = None,
) -> Requested:
    """Measure adapters (``org/a@1.0``), or a base model alone, on a set. Nothing is written if one is refused.

    With a ``companion`` each adapter is measured together with that second one: their updates are added, as with a
    language adapter below a task adapter. What waits already for the same, in a job that ``actor`` may see, is not
    asked for again.

    Raises:
        NotFound: an adapter, or ``set_not_found``. NotPermitted: ``actor`` writes neither where the adapter is nor
        where the set is. InvalidInput: settings, or nothing to measure.
        Conflict, Gone, Busy, Unprocessable: as :mod:`catalog.evaluations.fitting`, and ``companion_does_not_fit``.
    """
    asked, references = read_settings(settings or {}), list(dict.fromkeys(adapters))
    if bool(references) == bool(base_model) or len(references) > MOST_PER_REQUEST:
        raise InvalidInput(
            detail=f"give 1 to {MOST_PER_REQUEST} adapters, or a base_model",
            field="adapters",
            hint="One of the two.",
        )
    on = get_set_revision(actor, evaluation_set)
    _require_whole(actor, on, asked)
    wanted = [_named(actor, reference) for reference in references]
    if base_model:
        wanted = [Wanted(require_base(base_model, field="base_model"))]
    second = _named(actor, companion, field="companion").revision if companion else None
    _require_right(actor, wanted, on)
    require_rows(on)
    for subject in wanted:
        require_fit(subject.revision, subject.base, on, asked)
        if second is not None:
            require_companion(subject.revision, second)
    return ask(Asked(actor, on, asked, Cause.REQUEST, companion=second), wanted)


def run_again(actor: User, evaluation: Evaluation) -> Requested:
    """Measure the same again: same settings, seed and batches. Raises as :func:`request_evaluations`."""
    wanted = Wanted(evaluation.base_model, evaluation.revision)
    on, settings = evaluation.set_revision, _replayed(evaluation)
    _require_whole(actor, on, settings)
    _require_right(actor, [wanted], on)
    require_rows(on)
    for revision in (wanted.revision, evaluation.companion):
        if revision is not None:
            require_measurable(revision)
    require_fit(wanted.revision, wanted.base, on, settings)
    return ask(Asked(actor, on, settings, Cause.REQUEST, companion=evaluation.companion), [wanted])


def _replayed(evaluation: Evaluation) -> dict[str, Any]:
    """The settings with the batch size that was found: other batches may change the last bits of an answer."""
    size = evaluation.used.get("batch_size")
    return {**evaluation.settings, "batch_size": size} if isinstance(size, int) else evaluation.settings


def _named(actor: User, reference: str, *, field: str = "adapters") -> Wanted:
    full_name, ref = split_reference(reference)
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    try:
        return Wanted(require_measurable(revision), revision)
    except DomainError as error:
        error.field = field
        raise


def _require_right(actor: User, wanted: list[Wanted], on: SetRevision) -> None:
    """Computing costs: one's own adapters on any set, any adapter on one's own sets."""
    if role_in(actor, on.evaluation_set.namespace) in WRITE_ROLES:
        return
    for subject in wanted:
        namespace = subject.revision.adapter.namespace if subject.revision else None
        if namespace is None or role_in(actor, namespace) not in WRITE_ROLES:
            raise NotPermitted(
                detail=f"to measure {subject.revision or subject.base} on {on} you must write where one of them lives",
                hint="Measure your own adapters, or make a set of your own.",
            )


def _require_whole(actor: User, on: SetRevision, settings: dict[str, Any]) -> None:
    """Scores of single rows would tell of hidden ones. Raises NotPermitted ``rows_hidden``."""
    if (
        on.is_hidden
        and settings["limit"] is not None
        and role_in(actor, on.evaluation_set.namespace) not in WRITE_ROLES
    ):
        raise NotPermitted(
            "rows_hidden",
            f"the rows of {on} are hidden, so all of them are measured or none",
            field="settings",
            hint="Leave out the limit.",
        )
