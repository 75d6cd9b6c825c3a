"""Policies: which sets run by themselves for a namespace's uploads, and which of them guard publication."""

import re
from typing import Any

from django.db import IntegrityError, transaction

from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.services import require_role
from catalog.adapters.models import Revision, RevisionState
from catalog.adapters.publication import publish_revision
from catalog.errors import Conflict, DomainError, InvalidInput
from catalog.evaluations.fitting import require_fit, require_measurable, require_rows
from catalog.evaluations.gate import is_guarded, newest_rows, policies_for, require_score, version_before
from catalog.evaluations.grouping import Asked, Wanted, ask
from catalog.evaluations.models import Cause, Evaluation, EvaluationState, Policy, SetRevision
from catalog.evaluations.offering import require_offered
from catalog.evaluations.options import read_settings
from catalog.evaluations.queries import get_set_revision
from catalog.evaluations.scores import IS_WHOLE
from catalog.jobs.models import Job, Priority
from catalog.named import Visibility
from catalog.reviews.audit import record
from catalog.reviews.waivers import needs_review, why_without_review
from catalog.taxonomy.languages import language_tag

_WORD = re.compile(r"[a-z0-9][a-z0-9+./:_-]{0,79}")


@transaction.atomic
def create_policy(
    actor: User,
    namespace: Namespace,
    *,
    evaluation_set: str,
    task: str = "",
    language: str = "",
    largest_drop: float | None = None,
    most_negative_flips: float | None = None,
) -> Policy:
    """Let a set run by itself for what is pushed to ``namespace``, guarding publication with one of the two limits.

    Raises:
        NotPermitted: not an owner. NotFound: ``set_not_found``. InvalidInput: a task, language or limit is wrong, or
        the set is private and lives elsewhere. Conflict: ``policy_exists`` for the same set, task and language.
        Gone: ``set_withdrawn``.
    """
    require_role(actor, namespace, (Role.OWNER,), "change its policies")
    of = get_set_revision(actor, evaluation_set).evaluation_set
    require_offered(of)
    if of.visibility != Visibility.PUBLIC and of.namespace_id != namespace.pk:
        raise InvalidInput(
            detail=f"{of} is private and belongs to another namespace", field="evaluation_set", hint="Copy its rows."
        )
    if task and not _WORD.fullmatch(task):
        raise InvalidInput(detail=f"{task[:80]!r} cannot name a task", field="task")
    _check_limits(largest_drop, most_negative_flips)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(
                namespace=namespace,
                evaluation_set=of,
                task=task,
                language=language_tag(language) if language else "",
                largest_drop=largest_drop,
                most_negative_flips=most_negative_flips,
            )
    except IntegrityError as error:
        raise Conflict(
            "policy_exists", f"{namespace} has a policy for {of} with this task and language", hint="Delete it first."
        ) from error
    record(actor, "add_policy", policy, note=_limits(policy))
    return policy


@transaction.atomic
def delete_policy(actor: User, policy: Policy) -> None:
    """Let it run no more. What was measured stays. Raises NotPermitted unless ``actor`` owns the namespace."""
    require_role(actor, policy.namespace, (Role.OWNER,), "change its policies")
    record(actor, "delete_policy", policy, note=_limits(policy))
    policy.delete()


@transaction.atomic
def run_policies(revision: Revision) -> list[Job]:
    """Ask for what the policies want of an accepted revision: an upload's, or any artefact derived from others.

    What cannot be measured is written down as failed, with the reason; nothing is raised for it. A gate also asks for
    the score of the version before, where nobody has it.
    """
    jobs: list[Job] = []
    for policy in policies_for(revision):
        on = newest_rows(policy)
        if on is None:
            continue
        wanted = [Wanted(*subject) for subject in _subjects(policy, revision, on)]
        priority = None if policy.is_gate else Priority.BULK
        if wanted:
            settings = read_settings({})
            jobs += ask(Asked(revision.author, on, settings, Cause.POLICY, priority), wanted).jobs
    return jobs


def publish_measured(revisions: list[Revision]) -> None:
    """Publish what waited for nothing but its scores: what needs no review, where the gate lets it pass."""
    for revision in revisions:
        is_waiting = revision.state == RevisionState.PENDING and not needs_review(revision)
        if not is_waiting or revision.adapter.deleted_at is not None or not is_guarded(revision):
            continue
        try:
            require_score(revision)
            publish_revision(revision, actor=revision.author, reason=f"measured; {why_without_review(revision)}")
        except Conflict:
            continue  # it stays pending; whoever approves it is told why


def _subjects(policy: Policy, revision: Revision, on: SetRevision) -> list[tuple[Any, Revision]]:
    before = version_before(revision) if policy.is_gate else None
    subjects = [revision]
    if before is not None and not Evaluation.objects.filter(IS_WHOLE, revision=before, set_revision=on).exists():
        subjects.append(before)
    return [(base, subject) for subject in subjects if (base := _base_if_fit(subject, on)) is not None]


def _base_if_fit(revision: Revision, on: SetRevision) -> Any:
    """The base model, or None after writing down why the revision cannot be measured."""
    settings = read_settings({})
    try:
        base = require_measurable(revision)
        require_rows(on)
        require_fit(revision, base, on, settings)
    except DomainError as error:
        if revision.base_model is not None:
            Evaluation.objects.create(
                revision=revision,
                base_model=revision.base_model,
                set_revision=on,
                state=EvaluationState.FAILED,
                cause=Cause.POLICY,
                settings=settings,
                error={key: value for key, value in error.as_dict().items() if key in ("code", "detail", "hint")},
            )
        return None
    return base


def _check_limits(largest_drop: float | None, most_negative_flips: float | None) -> None:
    # A comparison that NaN fails too.
    if largest_drop is not None and not 0 <= largest_drop <= 1e9:
        raise InvalidInput(detail=f"largest_drop is {largest_drop}; it must not be negative", field="largest_drop")
    if most_negative_flips is not None and not 0 <= most_negative_flips <= 1:
        raise InvalidInput(
            detail=f"most_negative_flips is {most_negative_flips}; it is a share of the rows, from 0 to 1",
            field="most_negative_flips",
        )


def _limits(policy: Policy) -> str:
    return f"largest_drop {policy.largest_drop}, most_negative_flips {policy.most_negative_flips}"
