"""The job's row is the truth: exclusive claims, fenced writes, bounded retries, and a sweep that loses nothing."""

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.errors import Conflict, NotPermitted
from catalog.jobs.models import Job, JobState, Priority
from catalog.jobs.services import (
    LeaseLost,
    cancel,
    claim,
    complete,
    fail,
    renew,
    stop_cancelled,
    submit,
    sweep,
)
from tests.unit.catalog import sending
from tests.unit.catalog.factories import make_namespace, make_user, push, together
from tests.unit.catalog.holding import due_now, expire, freed, held, never, row
from workers.kinds import abandon_exhausted

pytestmark = pytest.mark.django_db


class TestSubmitting:
    """A message leaves only after the row is there for everybody."""

    @pytest.mark.django_db(transaction=True)
    def test_the_id_is_sent_when_the_transaction_commits(self, sent):
        with transaction.atomic():
            job = submit("describe_base", {})
            assert sent == []
        assert sent == [str(job.pk)]
        assert row(job).sent_at is not None

    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_sent_when_it_rolls_back(self, sent):
        with transaction.atomic():
            submit("describe_base", {})
            transaction.set_rollback(True)
        assert sent == []
        assert not Job.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_a_broker_that_is_away_is_no_loss(self, sent):
        sending.is_broker_up[0] = False
        job = submit("describe_base", {})
        assert row(job).sent_at is None
        sending.is_broker_up[0] = True
        assert sweep(never) == 1
        assert sent == [str(job.pk)]


class TestClaiming:
    """Whoever claims first has the job."""

    def test_a_claim_gives_a_token_and_a_lease(self):
        claimed = held(submit("describe_base", {}))
        assert (claimed.job.state, claimed.job.attempts, claimed.token) == (JobState.RUNNING, 1, 1)
        assert claimed.job.lease_until > timezone.now()

    def test_a_held_job_is_not_claimed_again(self):
        submit("describe_base", {})
        assert claim() is not None
        assert claim() is None

    def test_a_queue_without_due_jobs_is_nothing_to_do(self):
        submit("describe_base", {}, queue="gpu")
        assert claim("cpu") is None
        assert claim("gpu") is not None

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_wins(self):
        job = submit("describe_base", {})
        outcomes = together([lambda: claim()] * 8)
        assert [type(outcome).__name__ for outcome in outcomes if outcome is not None] == ["Claim"]
        assert row(job).attempts == 1

    def test_a_lease_that_ran_out_is_freed_by_the_sweep_and_raises_the_token(self):
        job = submit("describe_base", {})
        claim()
        expire(job)
        assert claim() is None
        sweep(never)
        again = held(job)
        assert (again.token, again.job.attempts) == (2, 2)

    def test_a_paused_retry_waits(self):
        job = submit("describe_base", {})
        fail(held(job), code="x", detail="x", is_final=False)
        assert claim() is None
        due_now(job)
        assert claim() is not None


class TestFencing:
    """A worker whose lease went to another writes nothing, to the job or to anything else."""

    @pytest.fixture
    def stale(self):
        """A claim whose lease ran out and was taken by another worker."""
        job = submit("describe_base", {})
        first = held(job)
        freed(job)
        claim()
        return first

    @pytest.mark.parametrize(
        "write",
        [
            lambda stale, effects: renew(stale, progress=0.9, note="late"),
            lambda stale, effects: complete(stale, effects),
            lambda stale, effects: fail(stale, code="late", detail="late", is_final=False),
            lambda stale, effects: fail(stale, code="late", detail="late", is_final=True, effects=effects),
            lambda stale, effects: stop_cancelled(stale, effects=effects),
        ],
        ids=["renew", "complete", "retry", "fail", "stop"],
    )
    def test_a_stale_worker_writes_nothing(self, stale, write):
        before = Job.objects.filter(pk=stale.job.pk).values().get()

        def effects():
            make_user("written-by-the-stale-worker")
            return {}

        with pytest.raises(LeaseLost):
            write(stale, effects)
        assert Job.objects.filter(pk=stale.job.pk).values().get() == before
        assert not User.objects.exists()

    def test_an_ended_job_takes_no_more_writes(self):
        claimed = held(submit("describe_base", {}))
        complete(claimed, lambda: {"n": 1})
        for write in (lambda: renew(claimed), lambda: complete(claimed, lambda: {"n": 2})):
            with pytest.raises(LeaseLost):
                write()
        assert row(claimed.job).result == {"n": 1}


class TestEnding:
    """Well, badly, and again."""

    def test_effects_that_fail_leave_the_job_running(self):
        claimed = held(submit("describe_base", {}))

        def effects():
            make_user("half-written")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            complete(claimed, effects)
        assert row(claimed.job).state == JobState.RUNNING
        assert not User.objects.exists()

    def test_an_attempt_that_may_end_otherwise_is_retried_after_growing_pauses_and_then_fails(self, settings):
        settings.HUB_JOB_MAX_ATTEMPTS = 3
        job, pauses, settled = submit("describe_base", {}), [], []
        for _ in range(3):
            claimed = held(job)
            fail(claimed, code="child_died", detail="x", is_final=False, effects=lambda: settled.append(1))
            pauses.append((row(job).available_at - timezone.now()).total_seconds())
            due_now(job)
        assert 1 < pauses[0] <= 2 < pauses[1] <= 10
        assert settled == [1]
        assert row(job).state == JobState.FAILED
        assert row(job).error == {"code": "child_died", "detail": "x"}
        assert claim() is None

    def test_a_final_failure_is_not_retried(self):
        claimed = held(submit("describe_base", {}))
        assert fail(claimed, code="resource_limit", detail="x", is_final=True) == JobState.FAILED

    @pytest.mark.django_db(transaction=True)
    def test_a_message_delivered_five_times_has_one_effect(self):
        job = submit("describe_base", {})
        effects = []

        def deliver():
            claimed = claim()
            if claimed:
                complete(claimed, lambda: {"n": effects.append(1)})

        together([deliver] * 5)
        for _ in range(5):
            deliver()
        assert effects == [1]
        assert row(job).attempts == 1

    def test_progress_is_kept_between_0_and_1(self):
        claimed = held(submit("describe_base", {}))
        for given, kept in ((-3.0, 0.0), (0.5, 0.5), (7.0, 1.0)):
            assert renew(claimed, progress=given, note="n" * 500)
            assert row(claimed.job).progress == kept
        assert len(row(claimed.job).progress_note) == 200


class TestSweeping:
    """Whatever nobody runs is sent again; whatever cannot end is given up."""

    def test_what_was_sent_just_now_or_is_running_is_left_alone(self, sent):
        held(submit("describe_base", {}))
        Job.objects.filter(pk=submit("describe_base", {}).pk).update(sent_at=timezone.now())
        assert sweep(never) == 0
        assert sent == []

    @pytest.mark.parametrize("how", ["never sent", "lease ran out"])
    def test_what_nobody_runs_is_sent_again(self, sent, how):
        job = submit("describe_base", {})
        if how == "lease ran out":
            claim()
            expire(job)
        assert sweep(never) == 1
        assert sent == [str(job.pk)]

    def test_a_job_without_attempts_left_is_given_up_and_its_revision_settled(self, settings):
        owner = make_user("owner")
        make_namespace(owner)
        revision = push(owner, version="1.0.0")
        job = Job.objects.get(pk=revision.validation_job_id)
        for _ in range(settings.HUB_JOB_MAX_ATTEMPTS - 1):
            held(job)
            freed(job)
        last = held(job)
        expire(job)
        assert sweep(abandon_exhausted) == 0
        assert (row(job).state, row(job).error["code"]) == (JobState.FAILED, "worker_lost")
        assert row(job).is_dead_letter
        settled = Revision.objects.get(pk=revision.pk)
        assert (settled.state, settled.report["findings"][0]["code"]) == ("invalid", "worker_lost")
        assert not settled.adapter.versions.exists()
        with pytest.raises(LeaseLost):
            complete(last, lambda: {})


class TestCancelling:
    """At once while it waits, at the next renewal while it runs."""

    @pytest.fixture
    def admin(self):
        return make_user("admin", is_admin=True)

    def test_a_waiting_job_is_sent_so_that_a_worker_settles_it(self, sent, admin):
        job = cancel(admin, submit("describe_base", {}, priority=Priority.BULK))
        assert job.is_cancel_requested
        assert job.priority == Priority.INTERACTIVE
        assert sweep(never) == 1
        assert sent == [str(job.pk)]
        stop_cancelled(held(job))
        assert row(job).state == JobState.CANCELLED

    def test_a_running_job_hears_it_at_its_next_renewal(self, admin):
        claimed = held(submit("describe_base", {}))
        assert renew(claimed) is True
        cancel(admin, claimed.job)
        assert renew(claimed) is False
        settled = []
        stop_cancelled(claimed, effects=lambda: settled.append(1))
        assert (row(claimed.job).state, settled) == (JobState.CANCELLED, [1])

    def test_an_ended_job_cannot_be_cancelled(self, admin):
        claimed = held(submit("describe_base", {}))
        complete(claimed, lambda: {})
        with pytest.raises(Conflict) as refused:
            cancel(admin, claimed.job)
        assert refused.value.code == "already_decided"

    def test_only_who_submitted_it_or_an_administrator_cancels_it(self, admin):
        owner, other = make_user("owner"), make_user("other")
        job = submit("describe_base", {}, created_by=owner)
        with pytest.raises(NotPermitted):
            cancel(other, job)
        assert cancel(owner, job).is_cancel_requested
