"""A job's page: how far, how long still, what runs before it; alive with a script and without one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.jobs.models import Job
from frontend.job_progress import as_duration, progress_of


@pytest.fixture
def job(pending):
    return Job.objects.get(pk=pending.validation_job_id)


def run_for(job, seconds, progress):
    Job.objects.filter(pk=job.pk).update(
        state="running", progress=progress, started_at=timezone.now() - timedelta(seconds=seconds)
    )
    job.refresh_from_db()
    return job


def test_time_left_follows_from_the_speed_so_far(job):
    found = progress_of(run_for(job, 30, 0.25))
    assert (found.percent, found.elapsed, found.left) == (25, "30 s", "1 min 30 s")
    assert progress_of(run_for(job, 30, 0.01)).left == "", "one part in a hundred tells nothing yet"
    assert progress_of(run_for(job, 1, 0.5)).left == ""


def test_a_waiting_job_says_how_many_run_before_it(catalog, job, as_writer):
    assert progress_of(job).ahead == 0
    catalog.push(catalog.writer, "team/next", "0.1.0")
    after = Job.objects.exclude(pk=job.pk).latest("created_at")
    assert progress_of(after).ahead == 1
    assert "1 job runs before it" in as_writer.get(f"/jobs/{after.pk}").content.decode()
    Job.objects.filter(pk=after.pk).update(priority=30)
    assert progress_of(Job.objects.get(pk=after.pk)).ahead == 0
    assert progress_of(job).ahead == 1


def test_without_a_script_the_page_comes_again_by_itself_until_the_job_has_ended(job, as_writer):
    again = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
    assert again in as_writer.get(f"/jobs/{job.pk}").content.decode()
    Job.objects.filter(pk=job.pk).update(state="succeeded", finished_at=timezone.now())
    assert again not in as_writer.get(f"/jobs/{job.pk}").content.decode()


def test_the_moving_part_brings_title_and_log_with_it(job, as_writer):
    run_for(job, 30, 0.25)
    part = as_writer.get(f"/jobs/{job.pk}", headers={"HX-Request": "true"}).content.decode()
    assert "<title>25 % Validate revision" in part
    assert "about 1 min 30 s left" in part
    assert "<html" not in part


def test_a_finished_job_leads_to_what_it_worked_on(job, as_writer):
    Job.objects.filter(pk=job.pk).update(
        state="succeeded", started_at=timezone.now() - timedelta(seconds=4), finished_at=timezone.now()
    )
    text = as_writer.get(f"/jobs/{job.pk}").content.decode()
    assert 'href="/team/pos-de/versions/0.1.0"' in text
    assert "It took 4 s." in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4321, "1 h 12 min")]
)
def test_durations_have_two_units_at_most(seconds, said):
    assert as_duration(seconds) == said
