"""How one revision stands: its newest scores with those of its base model, what is under way, and against another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter, Revision
from catalog.evaluations.comparing import Comparison, compare_evaluations
from catalog.evaluations.models import Evaluation, Uncertainty
from catalog.evaluations.scores import IS_WHOLE, SHOWN, newest_of_bases, newest_of_revisions

MOST_SCORES = 40
MOST_OTHERS = 10
MOST_COMPARED = 8


@dataclass(frozen=True)
class Together:
    """A score of a revision with a companion beside it, the one of the revision alone, and what flipped between."""

    joint: Evaluation
    alone: Evaluation | None
    comparison: Comparison | None


@dataclass(frozen=True)
class Against:
    """The score of a revision on one set, and of the one before; None and no comparison where that was not measured."""

    now: Evaluation
    before: Evaluation | None
    comparison: Comparison | None


def is_evaluated(adapter: Adapter) -> bool:
    """Whether anything of the adapter was ever asked to be measured: most were not, and their pages ask no more."""
    found = [kind.objects.filter(revision__adapter=OuterRef("pk")) for kind in (Evaluation, Uncertainty)]
    return Adapter.objects.filter(Exists(found[0]) | Exists(found[1]), pk=adapter.pk).exists()


def scores_of(actor: Actor, revision: Revision) -> list[tuple[Evaluation, Evaluation | None]]:
    """The newest score on all rows of each set, on the set's newest measured revision, with the base model's own."""
    found = newest_of_revisions(Evaluation.objects.visible_to(actor).filter(revision_id=revision.pk))
    newest: dict[int, Evaluation] = {}
    for row in found.select_related(*SHOWN).order_by("-set_revision__number", "pk")[:MOST_SCORES]:
        newest.setdefault(row.set_revision.evaluation_set_id, row)
    rows = sorted(newest.values(), key=lambda row: str(row.set_revision))
    return with_bases(actor, rows)


def with_bases(actor: Actor, rows: Sequence[Evaluation]) -> list[tuple[Evaluation, Evaluation | None]]:
    """Each evaluation of an adapter with the newest score of its base model alone on the same rows."""
    wanted = Evaluation.objects.visible_to(actor).filter(
        set_revision__in={row.set_revision_id for row in rows}, base_model__in={row.base_model_id for row in rows}
    )
    bases = {(row.set_revision_id, row.base_model_id): row for row in newest_of_bases(wanted).select_related(*SHOWN)}
    return [
        (row, bases.get((row.set_revision_id, row.base_model_id)) if row.revision_id is not None else None)
        for row in rows
    ]


def others_of(actor: Actor, revision: Revision) -> list[Evaluation]:
    """What waits, what failed, and what saw only some rows, the newest first; none with a companion."""
    found = Evaluation.objects.visible_to(actor).filter(revision_id=revision.pk, companion=None)
    rest = found.exclude(IS_WHOLE, state="measured").select_related(*SHOWN, "job")
    return list(rest.order_by("-created_at", "pk")[:MOST_OTHERS])


def together_of(actor: Actor, revision: Revision) -> list[Together]:
    """The newest of ``revision`` with each companion on each set, set against the revision alone on the same rows."""
    found = Evaluation.objects.visible_to(actor).filter(revision_id=revision.pk, companion__isnull=False)
    newest: dict[tuple[Any, ...], Evaluation] = {}
    for row in found.select_related(*SHOWN, "predictions").order_by("-created_at", "pk")[:MOST_SCORES]:
        newest.setdefault((row.set_revision_id, row.companion_id, row.settings.get("limit")), row)
    rows = sorted(newest.values(), key=lambda row: (str(row.set_revision), str(row.companion)))
    alone = newest_of_revisions(
        Evaluation.objects.visible_to(actor).filter(
            revision_id=revision.pk, set_revision__in=[row.set_revision_id for row in rows]
        )
    )
    known = {row.set_revision_id: row for row in alone.select_related(*SHOWN, "predictions")}
    return [_together(row, known.get(row.set_revision_id)) for row in rows]


def analysed_of(actor: Actor, revision: Revision) -> Evaluation | None:
    """The newest measurement that looked inside the model, where somebody asked for one."""
    found = Evaluation.objects.visible_to(actor).measured().filter(revision_id=revision.pk, companion=None)
    return found.filter(efficiency__has_key="analysis").select_related(*SHOWN).order_by("-measured_at", "pk").first()


def against(actor: Actor, before: Revision, now: Revision) -> list[Against]:
    """``now`` against ``before`` on every set that ``now`` was measured on, the same rows each."""
    rows = [row for row, _ in scores_of(actor, now)][:MOST_COMPARED]
    old = newest_of_revisions(
        Evaluation.objects.visible_to(actor).filter(
            revision_id=before.pk, set_revision__in=[row.set_revision_id for row in rows]
        )
    )
    known = {row.set_revision_id: row for row in old.select_related(*SHOWN, "predictions")}
    return [_against(row, known.get(row.set_revision_id)) for row in rows]


def _together(joint: Evaluation, alone: Evaluation | None) -> Together:
    is_drawn = joint.settings.get("limit") is not None
    if is_drawn or alone is None or not hasattr(alone, "predictions") or not hasattr(joint, "predictions"):
        return Together(joint, None if is_drawn else alone, None)
    return Together(joint, alone, compare_evaluations(alone, joint, most_items=0))


def _against(now: Evaluation, before: Evaluation | None) -> Against:
    if before is None or not hasattr(before, "predictions") or not hasattr(now, "predictions"):
        return Against(now, before, None)
    return Against(now, before, compare_evaluations(before, now, most_items=0))
