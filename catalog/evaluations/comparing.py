"""Version against version on one set: the two newest measurements that can be compared, and what flipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from catalog.accounts.querysets import Actor
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import Conflict, NotFound, Unprocessable
from catalog.evaluations.answers import unpack
from catalog.evaluations.flips import Flips, find_flips
from catalog.evaluations.models import Evaluation, EvaluationSet, SetRevision
from catalog.evaluations.queries import get_set_revision
from catalog.evaluations.rows import rows_at
from catalog.evaluations.scores import IS_WHOLE, SHOWN
from catalog.names import split_reference

MOST_ITEMS = 100
_MOST_CANDIDATES = 30
_COMPARED_SETTINGS = ("seed", "with_probe", "max_tokens")


@dataclass(frozen=True)
class Item:
    """One row whose answer changed: what is asked, what was answered before and now."""

    row: int
    kind: str
    before: Any
    now: Any
    content: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Two evaluations of the same rows. ``items`` is None where the viewer may not see the set's rows."""

    before: Evaluation
    now: Evaluation
    set_revision: SetRevision
    flips: Flips
    items: list[Item] | None
    items_left_out: int
    other_settings: list[str]


def compare(actor: Actor, a: str, b: str, set_reference: str, *, most_items: int = MOST_ITEMS) -> Comparison:
    """``a`` (before) against ``b`` (now) on a set.

    Args:
        a: ``org/name``, ``org/name@version``, or the id of an evaluation, such as one of the base model alone.
        b: the same.
        set_reference: ``org/set`` or ``org/set@2``; without a number the newest revision on which both were measured.

    Raises:
        NotFound: what ``actor`` may not see, or ``set_not_found``. Conflict: ``score_not_measured``.
        Unprocessable: ``rows_differ`` when two evaluations are named that saw other rows.
    """
    asked = get_set_revision(actor, set_reference)
    number = asked.number if "@" in set_reference else None
    old = _candidates(actor, a, asked.evaluation_set, number)
    before, now = _pair(old, _candidates(actor, b, asked.evaluation_set, number), a, b)
    return compare_evaluations(before, now, most_items=most_items)


def compare_evaluations(before: Evaluation, now: Evaluation, *, most_items: int = MOST_ITEMS) -> Comparison:
    """Two measured evaluations, both already permitted to the viewer. Raises Unprocessable ``rows_differ``."""
    old, new = _answers_of(before), _answers_of(now)
    places, others = _places(before, old), _places(now, new)
    if before.set_revision_id != now.set_revision_id or len(places) != len(others) or places != others:
        raise Unprocessable(
            "rows_differ",
            f"{before.id} answered {len(old['right'])} rows of {before.set_revision}, "
            f"{now.id} {len(new['right'])} rows of {now.set_revision}",
            hint="Evaluate both on the same revision of the set, with the same limit.",
        )
    flips = find_flips(old["right"], new["right"], old["answer"], new["answer"])
    changed = [("negative", at) for at in flips.negative] + [("positive", at) for at in flips.positive]
    changed += [("inconsistent", at) for at in flips.inconsistent]
    shown = changed[:most_items]
    revision = before.set_revision
    items = None
    if not revision.is_hidden:
        contents = rows_at(revision, [places[at] for _, at in shown if places[at] >= 0])
        items = [
            Item(places[at], kind, old["answer"][at], new["answer"][at], contents.get(places[at], {}))
            for kind, at in shown
        ]
    return Comparison(
        before=before,
        now=now,
        set_revision=revision,
        flips=flips,
        items=items,
        items_left_out=len(changed) - len(items or ()),
        other_settings=[
            name for name in _COMPARED_SETTINGS if (before.settings.get(name) or 0) != (now.settings.get(name) or 0)
        ],
    )


def _answers_of(evaluation: Evaluation) -> dict[str, list[Any]]:
    """The columns ``answer`` and ``right`` of an evaluation. Raises Conflict ``score_not_measured``."""
    found = getattr(evaluation, "predictions", None)
    if found is None:
        raise Conflict("score_not_measured", f"no answers are kept of {evaluation.id}", hint="Evaluate it again.")
    return unpack(bytes(found.deflated))


def _candidates(actor: Actor, side: str, evaluation_set: EvaluationSet, number: int | None) -> list[Evaluation]:
    """Measured evaluations of one side on the set: whole ones first, on the newest revision, newest first."""
    found = Evaluation.objects.visible_to(actor).measured().filter(set_revision__evaluation_set=evaluation_set)
    if number is not None:
        found = found.filter(set_revision__number=number)
    if "/" in side:
        name, ref = split_reference(side)
        revision = get_revision(actor, get_adapter(actor, name), ref)
        found = found.filter(revision_id=revision.pk, companion=None)
    else:
        found = found.filter(pk=_evaluation_id(side))
    ordered = found.select_related(*SHOWN, "predictions").order_by("-set_revision__number", "-measured_at")
    whole = list(ordered.filter(IS_WHOLE)[:_MOST_CANDIDATES])
    rows = whole + list(ordered.exclude(IS_WHOLE)[:_MOST_CANDIDATES])
    if not rows:
        raise Conflict(
            "score_not_measured",
            f"{side[:200]} has no score on {evaluation_set.full_name}{f'@{number}' if number else ''}",
            hint=f"hubclient eval {side[:200]} --set {evaluation_set.full_name} measures it.",
        )
    return rows


def _pair(old: list[Evaluation], new: list[Evaluation], a: str, b: str) -> tuple[Evaluation, Evaluation]:
    """The first two that saw the same rows."""
    for now in new:
        for before in old:
            if _rows_of(before) == _rows_of(now):
                return before, now
    raise Unprocessable(
        "rows_differ",
        f"{a[:200]} and {b[:200]} were never measured on the same rows of {old[0].set_revision.evaluation_set}",
        hint="Evaluate both on the same revision of the set, with the same limit.",
    )


def _rows_of(evaluation: Evaluation) -> tuple[Any, ...]:
    """What decides which rows were asked: those of a limit are drawn by the seed."""
    limit = evaluation.settings.get("limit")
    return evaluation.set_revision_id, limit, evaluation.settings.get("seed") if limit is not None else None


def _places(evaluation: Evaluation, columns: dict[str, list[Any]]) -> list[int]:
    """Where each answer's row stands in the set's file; -1 for drawn rows of a harness that does not say."""
    if "row" in columns:
        return [int(row) for row in columns["row"]]
    count = len(columns["right"])
    return list(range(count)) if evaluation.settings.get("limit") is None else [-1] * count


def _evaluation_id(text: str) -> UUID:
    try:
        return UUID(text)
    except (ValueError, ValidationError) as error:
        raise NotFound(
            detail=f"no adapter or evaluation {text[:80]!r} that you may see", hint="Write namespace/name@version."
        ) from error
