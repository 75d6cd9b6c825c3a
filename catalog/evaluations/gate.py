"""The publish gate: a version waits until its score is measured, and stays out when it is too far below the one before.

The version before is the newest published one. Where that one could not be measured on the set, there is nothing to
compare with, and the score alone is enough.
"""

from catalog.adapters.models import Revision, VersionState
from catalog.derivations.measuring import due_measurements, require_measured
from catalog.errors import Conflict
from catalog.evaluations.answers import unpack
from catalog.evaluations.flips import find_flips
from catalog.evaluations.models import Evaluation, EvaluationState, Policy, SetRevision
from catalog.evaluations.scores import IS_WHOLE
from catalog.named import Visibility

# Scores are means of rows: what differs in the last bits is the same.
_SAME = 1e-9


def policies_for(revision: Revision) -> list[Policy]:
    """The policies of the revision's namespace that its task and languages fall under."""
    found = Policy.objects.filter(namespace=revision.adapter.namespace, task__in=("", revision.task))
    related = found.select_related("namespace", "evaluation_set__namespace")
    return [policy for policy in related.order_by("pk") if _speaks(revision, policy.language)]


def is_guarded(revision: Revision) -> bool:
    """Whether a score decides about its publication: a policy's, or one that its parents have."""
    is_gated = any(policy.is_gate and newest_rows(policy) for policy in policies_for(revision))
    return is_gated or bool(due_measurements(revision))


def require_score(revision: Revision) -> None:
    """Refuse to publish what a gate keeps out.

    Raises:
        Conflict: ``score_not_measured``, ``score_dropped``, ``answers_turned_wrong``, ``derived_not_measured``.
    """
    require_measured(revision)
    for policy in policies_for(revision):
        on = newest_rows(policy)
        if policy.is_gate and on is not None:
            _require(policy, revision, on)


def refusal_of(revision: Revision) -> Conflict | None:
    """What :func:`require_score` would raise now."""
    try:
        require_score(revision)
    except Conflict as refusal:
        return refusal
    return None


def newest_rows(policy: Policy) -> SetRevision | None:
    """The revision of its set that a policy measures on; None where it has none, or may use it no more."""
    of = policy.evaluation_set
    if of.visibility != Visibility.PUBLIC and of.namespace_id != policy.namespace_id:
        return None
    return of.revisions.filter(withdrawn_at=None).order_by("-number").first()


def version_before(revision: Revision) -> Revision | None:
    """The newest published revision of the same adapter, apart from ``revision`` itself."""
    published = revision.adapter.versions.filter(state=VersionState.PUBLISHED).exclude(revision=revision)
    newest = published.select_related("revision").order_by("-published_at", "-pk").first()
    return newest.revision if newest else None


def score_of(revision: Revision, on: SetRevision) -> Evaluation | None:
    """The newest measurement on all rows."""
    measured = Evaluation.objects.measured().filter(IS_WHOLE, revision=revision, set_revision=on)
    return measured.select_related("predictions").order_by("-measured_at", "-pk").first()


def _require(policy: Policy, revision: Revision, on: SetRevision) -> None:
    now = score_of(revision, on)
    if now is None:
        raise _not_measured(revision, on)
    before = version_before(revision)
    if before is None:
        return
    then = score_of(before, on)
    if then is None:
        if _newest_state(before, on) == EvaluationState.FAILED:
            return
        raise _not_measured(before, on)
    if policy.largest_drop is not None:
        _refuse_drop(policy.largest_drop, then, now, on)
    if policy.most_negative_flips is not None:
        _refuse_flips(policy.most_negative_flips, then, now, on)


def _refuse_drop(largest: float, then: Evaluation, now: Evaluation, on: SetRevision) -> None:
    assert then.score is not None
    assert now.score is not None
    is_higher_better = now.metrics.get(on.metric, {}).get("higher_is_better", True)
    drop = then.score - now.score if is_higher_better else now.score - then.score
    if drop > largest + _SAME:
        raise Conflict(
            "score_dropped",
            f"{on.metric} on {on} is {now.score:.4g}, {drop:.4g} worse than {then.score:.4g} of {then.revision}; "
            f"at most {largest:g} is allowed",
            hint="Improve it, or let an owner publish it with a reason.",
        )


def _refuse_flips(most: float, then: Evaluation, now: Evaluation, on: SetRevision) -> None:
    columns = [unpack(bytes(row.predictions.deflated)).get("right") or [] for row in (then, now)]
    if len(columns[0]) != len(columns[1]):
        raise _not_measured(then.revision, on)
    flips = find_flips(*columns)
    if flips.negative_rate > most + _SAME:
        raise Conflict(
            "answers_turned_wrong",
            f"{len(flips.negative)} of {flips.rows} answers on {on} were right in {then.revision} and are wrong now; "
            f"at most {most:g} of the rows may be",
            hint="Look at them with `hubclient compare`, or let an owner publish it with a reason.",
        )


def _not_measured(revision: Revision | None, on: SetRevision) -> Conflict:
    asked = Evaluation.objects.filter(revision=revision, set_revision=on, companion=None)
    newest = asked.order_by("-created_at", "-pk").first()
    if newest is None:
        why = "nobody has asked for it"
    elif newest.state == EvaluationState.FAILED:
        why = f"its evaluation failed: {(newest.error or {}).get('detail', '')}"
    else:
        why = "its evaluation has not ended, or saw only some of the rows"
    return Conflict(
        "score_not_measured",
        f"{revision} has no score on {on}: {why}",
        hint=f"Measure it on {on.evaluation_set}, or let an owner publish it with a reason.",
    )


def _newest_state(revision: Revision, on: SetRevision) -> str:
    newest = Evaluation.objects.filter(IS_WHOLE, revision=revision, set_revision=on).order_by("-created_at", "-pk")
    return newest.values_list("state", flat=True).first() or ""


def _speaks(revision: Revision, language: str) -> bool:
    return not language or any(tag == language or tag.startswith(f"{language}-") for tag in revision.languages)
