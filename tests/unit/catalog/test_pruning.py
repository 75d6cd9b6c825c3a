"""Jobs that ended long ago go with their logs; what they found out stays, and so does whatever still waits for them."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from catalog.adapters.models import Revision
from catalog.jobs.deciding import retry
from catalog.jobs.models import Job, JobEvent, JobState
from catalog.jobs.services import complete, fail, submit
from catalog.retention import pruning
from catalog.retention.pruning import prune_jobs
from catalog.retention.referring import referring
from catalog.uploads.models import Upload
from tests.unit.catalog.factories import accept, make_namespace, make_user, push
from tests.unit.catalog.holding import held
from workers import maintenance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def kept_for_ten_days(settings):
    settings.HUB_KEEP_JOBS_DAYS = 10


def ended(*, days_ago: float, is_dead_letter: bool = False) -> Job:
    """A job with a log, which ended so many days ago."""
    job = submit("describe_base", {})
    if is_dead_letter:
        fail(held(job), code="internal_error", detail="it broke", is_final=True)
    else:
        complete(held(job), dict)
    return aged(job, days_ago)


def aged(job: Job, days: float) -> Job:
    """The same job, begun and ended so many days ago."""
    then = timezone.now() - timedelta(days=days)
    Job.objects.filter(pk=job.pk).update(created_at=then - timedelta(hours=1), finished_at=then)
    job.refresh_from_db()
    return job


def validated() -> Revision:
    """A pushed revision whose validation ended eleven days ago; its state is still as it was."""
    owner = make_user("owner")
    make_namespace(owner)
    revision = push(owner)
    assert revision.validation_job is not None
    complete(held(revision.validation_job), dict)
    aged(revision.validation_job, 11)
    return revision


def kept() -> set[object]:
    return set(Job.objects.values_list("pk", flat=True))


def test_a_job_goes_with_its_log_when_its_days_are_over():
    old, young = ended(days_ago=11), ended(days_ago=9)
    assert prune_jobs() == 1
    assert kept() == {young.pk}
    assert not JobEvent.objects.filter(job_id=old.pk).exists()
    assert JobEvent.objects.filter(job_id=young.pk).exists()


def test_what_has_not_ended_stays_however_old_it_is():
    waiting, running = submit("describe_base", {}, queue="gpu"), submit("describe_base", {})
    held(running)
    Job.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert prune_jobs() == 0
    assert kept() == {waiting.pk, running.pk}


def test_a_job_that_waited_long_and_ended_now_stays():
    job = ended(days_ago=0)
    Job.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert prune_jobs() == 0
    assert kept() == {job.pk}


def test_dead_letters_stay_four_times_as_long():
    waits = ended(days_ago=39, is_dead_letter=True)
    ended(days_ago=41, is_dead_letter=True)
    assert prune_jobs() == 1
    assert kept() == {waits.pk}


def test_a_dead_letter_that_somebody_acknowledged_goes_with_the_others():
    seen = ended(days_ago=11, is_dead_letter=True)
    Job.objects.filter(pk=seen.pk).update(acknowledged_at=seen.finished_at)
    assert prune_jobs() == 1


def test_zero_days_keep_all_for_ever(settings):
    settings.HUB_KEEP_JOBS_DAYS = 0
    ended(days_ago=4000)
    assert prune_jobs() == 0


def test_more_than_one_batch_goes_and_what_stays_in_between_is_passed_over(monkeypatch):
    monkeypatch.setattr("catalog.retention.pruning._BATCH", 3)
    stays = [ended(days_ago=20, is_dead_letter=True).pk for _ in range(4)]
    for _ in range(8):
        ended(days_ago=20)
    assert prune_jobs() == 8
    assert kept() == set(stays)


def test_a_worker_that_stops_leaves_the_rest_to_the_next(monkeypatch):
    monkeypatch.setattr("catalog.retention.pruning._BATCH", 3)
    for _ in range(5):
        ended(days_ago=20)
    answers = iter([False, True])
    assert prune_jobs(is_stopping=lambda: next(answers)) == 3


def test_a_validated_revision_keeps_its_report_and_names_no_job():
    revision = validated()
    report = accept(revision).report
    assert prune_jobs() == 1
    revision.refresh_from_db()
    assert (revision.validation_job, revision.state, revision.report) == (None, "pending", report)
    assert report["verdict"] == "accepted"


def test_what_still_validates_or_arrives_keeps_its_job():
    revision, upload = validated(), Upload.objects.get()
    hashing = ended(days_ago=11)
    Upload.objects.filter(pk=upload.pk).update(state="receiving", receive_job=hashing)
    assert revision.state == "validating"
    assert prune_jobs() == 0
    Upload.objects.update(state="aborted")
    assert prune_jobs() == 1
    assert kept() == {revision.validation_job_id}


def test_every_day_a_worker_sees_to_it():
    ended(days_ago=11)
    maintenance.run_due()
    assert kept() == set()
    ended(days_ago=11)
    maintenance.run_due()
    assert len(kept()) == 1


def test_a_dead_letter_that_runs_again_at_that_moment_is_not_lost(settings):
    settings.HUB_JOB_REVIVER = "tests.unit.catalog.sending.revive_nothing"
    admin, letter = make_user("admin", is_admin=True), ended(days_ago=50, is_dead_letter=True)
    if connection.vendor != "postgresql":
        retry(admin, letter)
        assert prune_jobs() == 0
        return
    counts = []

    def prune() -> None:
        counts.append(prune_jobs())
        connections.close_all()

    with transaction.atomic():
        retry(admin, letter)
        # The row is held: nobody is waited for, and the row stays.
        pruning = threading.Thread(target=prune)
        pruning.start()
        pruning.join(20)
        assert counts == [0]
    assert prune_jobs() == 0
    assert Job.objects.get().state == JobState.QUEUED


def test_a_revision_that_somebody_decides_about_is_left_to_the_next_night():
    if connection.vendor != "postgresql":
        pytest.skip("writers take turns on SQLite")
    validated()
    Revision.objects.update(state="pending")
    counts = []

    def prune() -> None:
        counts.append(prune_jobs())
        connections.close_all()

    with transaction.atomic():
        Revision.objects.select_for_update().get()
        pruning = threading.Thread(target=prune)
        pruning.start()
        pruning.join(20)
        assert counts == [0]
    assert prune_jobs() == 1


def test_of_everything_that_names_a_job_it_is_known_when_it_is_finished():
    assert {model for model, _ in referring(Job)} - {JobEvent} == set(pruning._UNFINISHED)
