"""The quality gate: a compressed member is measured where the original has a score, and stays as it is if it fell.

A basis with such members is ready when all of them are measured: nothing is pulled that has not passed. One job
measures up to ``MOST_TOGETHER`` members on one set, with the settings of the original's evaluation.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from catalog.adapters.models import RevisionState
from catalog.errors import Conflict, Gone
from catalog.evaluations.answers import unpack
from catalog.evaluations.flips import find_flips
from catalog.evaluations.models import Evaluation, EvaluationSet, SetRevision
from catalog.evaluations.scores import SHOWN, newest_of_revisions
from catalog.families.making import abandon_basis
from catalog.families.models import Basis, BasisState, Fit, FitState
from catalog.families.settling import settle
from catalog.jobs.models import Job
from catalog.jobs.services import submit

GATE = "gate_basis"
QUEUE = "gpu"
MOST_TOGETHER = 20
_SAME = 1e-9


@dataclass(frozen=True)
class Measured:
    """A fit that is to be measured, and the evaluation of the original that says how."""

    fit: Fit
    evaluation: Evaluation


def request_gate(basis: Basis, fits: list[Fit] | None = None, *, on: SetRevision | None = None) -> list[Job]:
    """Ask for the scores of compressed members (of ``fits``, or of all); the jobs that measure them.

    On every set where the original has a score, or on ``on`` alone. Only sets that whoever asked for the basis may see
    are used.
    """
    chosen = basis.fits.filter(state=FitState.COMPRESSED)
    if fits is not None:
        chosen = chosen.filter(pk__in=[fit.pk for fit in fits])
    by_revision = {fit.revision_id: fit for fit in chosen}
    sets = EvaluationSet.objects.visible_to(basis.requested_by or AnonymousUser())
    found = Evaluation.objects.filter(
        revision__in=list(by_revision), set_revision__evaluation_set__in=sets.values("pk"), predictions__isnull=False
    )
    if on is not None:
        found = found.filter(set_revision=on)
    rows = newest_of_revisions(found).select_related(*SHOWN).order_by("set_revision_id", "revision_id")
    newest: dict[tuple[int | None, int], Evaluation] = {}
    for row in rows:
        key = (row.revision_id, row.set_revision.evaluation_set_id)
        if key not in newest or newest[key].set_revision.number < row.set_revision.number:
            newest[key] = row
    by_set: dict[int, list[Evaluation]] = defaultdict(list)
    for row in newest.values():
        by_set[row.set_revision_id].append(row)
    jobs = []
    for together in by_set.values():
        for start in range(0, len(together), MOST_TOGETHER):
            jobs.append(_submit(basis, together[start : start + MOST_TOGETHER], by_revision))
    return jobs


def gate_inputs(job: Job) -> tuple[Basis, SetRevision, list[Measured]]:
    """What a job of the gate measures; nothing where another job has judged all of it by now.

    Raises Gone where the basis was withdrawn meanwhile.
    """
    related = ("family__namespace", "family__base_model", "blob")
    basis = Basis.objects.select_related(*related).filter(pk=job.payload["basis_id"], blob__isnull=False).first()
    if basis is None or basis.state not in (BasisState.WAITING, BasisState.READY):
        raise Gone(detail="the basis was withdrawn or deleted meanwhile")
    on = SetRevision.objects.select_related("evaluation_set__namespace").get(pk=job.payload["set_revision_id"])
    asked = {int(fit): evaluation for fit, evaluation in job.payload["fits"].items()}
    fits = basis.fits.filter(pk__in=asked, state=FitState.COMPRESSED, blob__isnull=False)
    open_states = (RevisionState.PUBLISHED, RevisionState.YANKED)
    left = list(fits.filter(revision__state__in=open_states).select_related("revision", "blob").order_by("pk"))
    evaluations = Evaluation.objects.in_bulk([asked[fit.pk] for fit in left])
    by_id = {str(pk): evaluation for pk, evaluation in evaluations.items()}
    return basis, on, [Measured(fit, by_id[asked[fit.pk]]) for fit in left if asked[fit.pk] in by_id]


def record_gate(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep the scores that ``workers.families.gating:measure`` found, and judge; the job's result.

    The last job of a basis makes it ready. Call it in the job's transaction.
    """
    basis, on, measured = gate_inputs(job)
    basis = Basis.objects.select_for_update(of=("self",)).get(pk=basis.pk)
    said = {str(row.get("evaluation_id")): row for row in outcome.get("results") or []}
    limits = basis.recipe["options"]
    counts = {"measured": 0, "uncompressed": 0}
    for one in measured:
        score = _score_of(one, on, said.get(str(one.fit.pk)) or {})
        reason = _objection(score, limits, _shown(on))
        one.fit.scores = [score if row["job"] == str(job.pk) else row for row in one.fit.scores]
        if reason:
            one.fit.state, one.fit.reason, one.fit.blob = _kept_out(one.fit), reason[:500], None
        one.fit.save()
        counts["uncompressed" if reason else "measured"] += 1
    is_settled = basis.state == BasisState.WAITING and not _waits(basis)
    if is_settled:
        settle(basis)
    return {"basis": str(basis), "evaluation_set": str(on), **counts, "state": basis.state}


def abandon_gate(job: Job, error: dict[str, Any]) -> None:
    """The job ended badly: a basis that waited for it failed; a ready one gives its members out whole."""
    abandon_basis(job.payload["basis_id"], error)
    told = f"it could not be measured: {error.get('detail', '')}"
    for fit in Fit.objects.filter(pk__in=[int(pk) for pk in job.payload["fits"]], state=FitState.COMPRESSED):
        fit.state, fit.reason, fit.blob = _kept_out(fit), told[:500], None
        fit.scores = [row if row["job"] != str(job.pk) else row | {"error": _short(error)} for row in fit.scores]
        fit.save()


def _kept_out(fit: Fit) -> FitState:
    """What was fitted already gains nothing by the next basis; what was only projected may."""
    return FitState.WAITING if fit.is_projected else FitState.UNCOMPRESSED


def refuse_revival(job: Job) -> None:
    """Raise Conflict ``not_retryable``: what it was to measure was given up when it failed."""
    raise Conflict(
        "not_retryable",
        "what it was to measure was given up when it failed",
        hint="Ask for the next basis; where one is ready, evaluate the adapter again.",
    )


def _submit(basis: Basis, rows: list[Evaluation], by_revision: dict[int, Fit]) -> Job:
    on = rows[0].set_revision
    own = on.evaluation_set
    asked = {by_revision[row.revision_id]: row for row in rows if row.revision_id is not None}
    job = submit(
        GATE,
        {
            "basis_id": basis.pk,
            "set_revision_id": on.pk,
            "fits": {str(fit.pk): str(row.pk) for fit, row in asked.items()},
        },
        created_by=basis.requested_by,
        # Members see the job only where they see the set.
        namespace=basis.family.namespace
        if own.visibility == "public" or own.namespace_id == basis.family.namespace_id
        else None,
        subject=("basis", f"{basis} on {on}"),
        queue=QUEUE,
    )
    for fit, row in asked.items():
        fit.scores = [
            *(score for score in fit.scores if score["evaluation_set_id"] != own.pk),
            {
                "evaluation_set": own.full_name,
                "evaluation_set_id": own.pk,
                "set_revision": on.number,
                "metric": on.metric,
                "before": row.score,
                "after": None,
                "job": str(job.pk),
            },
        ]
        fit.save(update_fields=["scores"])
    return job


def _score_of(one: Measured, on: SetRevision, row: dict[str, Any]) -> dict[str, Any]:
    """The entry of ``Fit.scores``: score before and after, change, and the share of answers that flipped."""
    own = on.evaluation_set
    entry: dict[str, Any] = {
        "evaluation_set": own.full_name,
        "evaluation_set_id": own.pk,
        "set_revision": on.number,
        "metric": on.metric,
        "before": one.evaluation.score,
        "after": None,
    }
    metric = (row.get("metrics") or {}).get(on.metric) or {}
    after = metric.get("value")
    if row.get("error") or not isinstance(after, int | float):
        error = row.get("error") or {"code": "score_missing", "detail": "the job ended without a score"}
        return entry | {"error": _short(error, is_hidden=on.is_hidden)}
    assert one.evaluation.score is not None, "only measured evaluations are asked for"
    change = after - one.evaluation.score
    is_higher_better = metric.get("higher_is_better", True)
    entry |= {"after": after, "change": change, "drop": -change if is_higher_better else change}
    before = unpack(bytes(one.evaluation.predictions.deflated))
    now = row.get("predictions") or {}
    if len(before.get("right") or []) == len(now.get("right") or []):
        flips = find_flips(
            before.get("right") or [], now.get("right") or [], before.get("answer") or [], now.get("answer") or []
        )
        changed = len(flips.negative) + len(flips.positive) + len(flips.inconsistent)
        entry |= {
            "rows": flips.rows,
            "flipped": changed / flips.rows if flips.rows else 0.0,
            "negative_flips": flips.negative_rate,
        }
    return entry


def _shown(on: SetRevision) -> str:
    """A set's name in words that everybody reads who sees the member."""
    return str(on) if on.evaluation_set.visibility == "public" else "a private evaluation set"


def _objection(score: dict[str, Any], limits: dict[str, Any], where: str) -> str:
    """Why a member with this score is not given out compressed; empty if it may be."""
    drop, flips = limits["largest_drop"], limits["most_negative_flips"]
    if drop is None and flips is None:
        return ""
    if score.get("error"):
        return f"it could not be measured on {where}: {score['error'].get('code')}"
    if drop is not None and score["drop"] > drop + _SAME:
        return f"{score['metric']} on {where} fell by {score['drop']:.4g}, more than the limit {drop:g}"
    if flips is not None and score.get("negative_flips", 0.0) > flips + _SAME:
        return f"{score['negative_flips']:.3g} of the answers on {where} turned wrong, more than the limit {flips:g}"
    return ""


def _waits(basis: Basis) -> bool:
    """Whether a job of the gate has not ended yet."""
    return any(
        row["after"] is None and not row.get("error")
        for fit in basis.fits.filter(state=FitState.COMPRESSED)
        for row in fit.scores
    )


def _short(error: dict[str, Any], *, is_hidden: bool = False) -> dict[str, str]:
    told = {"code": str(error.get("code") or "error")[:60]}
    # What broke on a hidden row may quote it.
    return told if is_hidden else told | {"detail": str(error.get("detail") or "")[:500]}
