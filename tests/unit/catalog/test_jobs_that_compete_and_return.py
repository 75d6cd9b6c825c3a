"""Which job runs next, what becomes of one that died without a verdict, and what its log tells."""

import pytest
from django.utils import timezone

from catalog.adapters.models import Revision
from catalog.errors import Conflict, NotPermitted
from catalog.jobs.events import events_of
from catalog.jobs.models import Job, JobState, Priority
from catalog.jobs.services import (
    Claim,
    LeaseLost,
    acknowledge,
    cancel,
    claim,
    complete,
    fail,
    give_back,
    retry,
    stop_cancelled,
    submit,
)
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, push
from tests.unit.catalog.holding import due_now, freed, held, row
from workers.kinds import abandon_exhausted

pytestmark = pytest.mark.django_db


class TestPriorities:
    """The most urgent job of a queue runs next, however many wait."""

    def test_an_interactive_job_passes_a_hundred_of_a_bulk_import(self):
        for _ in range(100):
            submit("describe_base", {}, priority=Priority.BULK)
        upload = submit("validate_revision", {})
        held(upload)
        assert claim().job.priority == Priority.BULK

    def test_what_waited_longest_runs_first_among_equals(self):
        first, second = submit("describe_base", {}), submit("describe_base", {})
        held(first)
        freed(first)
        held(second)
        held(first)

    def test_a_namespace_that_has_many_waiting_jobs_is_importing_in_bulk(self):
        owner = make_user("owner")
        busy, quiet = make_namespace(owner, "busy"), make_namespace(owner, "quiet")
        jobs = [submit("validate_revision", {}, namespace=busy) for _ in range(25)]
        assert [job.priority_name for job in jobs] == ["interactive"] * 20 + ["bulk"] * 5
        submit("gather_evidence", {}, namespace=quiet, queue="gpu")
        held(jobs[0])
        upload = submit("validate_revision", {}, namespace=quiet)
        assert upload.priority_name == "interactive"

    def test_the_next_job_is_found_through_an_index(self):
        plan = Job.objects.due("cpu", timezone.now())[:1].explain()
        assert "job_next" in plan, plan


class TestDeadLetters:
    """Jobs that failed without a verdict about their input wait for an administrator, who lets them run again."""

    @pytest.fixture
    def admin(self):
        return make_user("admin", is_admin=True)

    @pytest.fixture
    def revision(self):
        """A revision whose validation died of too little memory."""
        owner = make_user("owner")
        make_namespace(owner)
        revision = push(owner, version="1.0.0")
        job = Job.objects.get(pk=revision.validation_job_id)
        job.error = {"code": "resource_limit", "detail": "it needed more than 2 MiB of memory"}
        fail(held(job), **job.error, is_final=True, effects=lambda: abandon_exhausted(job))
        return Revision.objects.get(pk=revision.pk)

    @pytest.mark.parametrize(
        ("code", "is_final", "is_dead"),
        [
            ("resource_limit", True, True),
            ("internal_error", True, True),
            ("child_died", False, True),
            ("architecture_unknown", True, False),
        ],
    )
    def test_a_verdict_about_the_input_is_no_dead_letter(self, settings, code, is_final, is_dead):
        settings.HUB_JOB_MAX_ATTEMPTS = 1
        job = submit("describe_base", {})
        fail(held(job), code=code, detail="x", is_final=is_final)
        assert row(job).is_dead_letter is is_dead

    def test_a_retried_validation_has_its_revision_version_and_attempts_back(self, revision, admin, sent):
        assert (revision.state, revision.adapter.versions.count()) == ("invalid", 0)
        job = retry(admin, Job.objects.get(pk=revision.validation_job_id))
        assert (job.state, job.attempts, job.error, job.is_dead_letter) == ("queued", 0, None, False)
        revision.refresh_from_db()
        assert (revision.state, revision.report, revision.version.name) == ("validating", {}, "1.0.0")
        held(job)

    def test_a_version_that_was_taken_meanwhile_is_a_clear_conflict(self, revision, admin):
        push(revision.author, lora_files(seed=2), version="1.0.0")
        job = Job.objects.get(pk=revision.validation_job_id)
        with pytest.raises(Conflict) as refused:
            retry(admin, job)
        assert refused.value.code == "version_reserved"
        assert (row(job).state, row(job).is_dead_letter) == (JobState.FAILED, True)

    def test_only_administrators_retry_and_only_dead_letters(self, revision, admin):
        with pytest.raises(NotPermitted):
            retry(revision.author, Job.objects.get(pk=revision.validation_job_id))
        claimed = held(submit("describe_base", {}))
        complete(claimed, lambda: {})
        with pytest.raises(Conflict) as refused:
            retry(admin, claimed.job)
        assert refused.value.code == "not_retryable"

    def test_one_that_was_acknowledged_waits_for_nobody_and_may_still_run_again(self, revision, admin):
        job = Job.objects.get(pk=revision.validation_job_id)
        assert list(Job.objects.unattended()) == [job]
        with pytest.raises(NotPermitted):
            acknowledge(revision.author, job)
        seen = acknowledge(admin, job, note="too little memory")
        assert (seen.is_dead_letter, seen.acknowledged_at is None) == (True, False)
        assert acknowledge(admin, job, note="again").acknowledged_at == seen.acknowledged_at
        assert [(event.who, event.note) for event in events_of(job) if event.kind == "acknowledged"] == [
            ("admin", "too little memory")
        ]
        assert not Job.objects.unattended().exists()
        assert retry(admin, job).acknowledged_at is None
        with pytest.raises(Conflict, match="no_dead_letter"):
            acknowledge(admin, job)


class TestGivingBack:
    """A worker that is told to stop gives its job back as if it had not begun."""

    @pytest.mark.django_db(transaction=True)
    def test_the_attempt_does_not_count_and_the_job_is_sent_at_once(self, sent):
        job = submit("describe_base", {})
        claimed = held(job)
        sent.clear()
        give_back(claimed, why="the worker was told to stop")
        assert sent == [str(job.pk)]
        after = row(job)
        assert (after.state, after.attempts, after.lease_until, after.claimed_by) == (JobState.QUEUED, 0, None, "")
        assert held(job).token == 2
        with pytest.raises(LeaseLost):
            complete(claimed, lambda: {})


class TestLog:
    """What happened to a job, line by line."""

    def test_the_log_tells_the_whole_story(self):
        admin, job = make_user("admin", is_admin=True), submit("describe_base", {})
        fail(held(job), code="child_died", detail="SIGKILL", is_final=False)
        due_now(job)
        give_back(held(job), why="the worker was told to stop")
        held(job)
        freed(job)
        held(job)
        cancel(admin, job)
        stop_cancelled(Claim(row(job), row(job).fencing_token))
        assert [(event.kind, event.attempt, event.who) for event in events_of(job)] == [
            ("claimed", 1, "the-worker"),
            ("attempt_failed", 1, "the-worker"),
            ("claimed", 2, "the-worker"),
            ("given_back", 2, "the-worker"),
            ("claimed", 2, "the-worker"),
            ("lease_lost", 2, "the-worker"),
            ("claimed", 3, "the-worker"),
            ("cancel_requested", 0, "admin"),
            ("cancelled", 3, "the-worker"),
        ]
