"""A job under way, in words: how long it runs, how long it still takes, and where what it works on is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from catalog.jobs.models import FINAL_STATES, Job, JobState
from catalog.jobs.waiting import ahead_of
from catalog.names import split_reference

# Below these, a guess from the speed so far would jump about.
_LEAST_PROGRESS, _LEAST_SECONDS = 0.05, 2.0
# What exists before the job has run; the rest is there only once it has succeeded.
_ALWAYS_THERE = frozenset({"revision"})
_MADE = frozenset({"merge", "reduction", "extraction", "adapter"})


@dataclass(frozen=True)
class Progress:
    """``left`` is empty so long as nobody can tell; ``ahead`` counts the jobs that run before a waiting one."""

    percent: int
    elapsed: str
    left: str
    ahead: int
    is_final: bool
    subject_url: str


def progress_of(job: Job, *, now: datetime | None = None) -> Progress:
    """The progress of a job as its page shows it."""
    now = now or timezone.now()
    is_final = job.state in FINAL_STATES
    end = job.finished_at if is_final and job.finished_at else now
    seconds = max((end - job.started_at).total_seconds(), 0.0) if job.started_at else 0.0
    is_known = job.state == JobState.RUNNING and job.progress >= _LEAST_PROGRESS and seconds >= _LEAST_SECONDS
    return Progress(
        percent=round(job.progress * 100),
        elapsed=as_duration(seconds) if job.started_at and job.state != JobState.QUEUED else "",
        left=as_duration(seconds * (1 - job.progress) / job.progress) if is_known else "",
        ahead=ahead_of(job),
        is_final=is_final,
        subject_url=_subject_url(job),
    )


def as_duration(seconds: float) -> str:
    """Two units at most: ``3 s``, ``2 min 05 s``, ``1 h 12 min``."""
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(int(whole.total_seconds()), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"


def _subject_url(job: Job) -> str:
    """The page of what the job works on, or has made; empty where there is none (yet)."""
    if job.subject_kind not in _ALWAYS_THERE and not (job.subject_kind in _MADE and job.state == JobState.SUCCEEDED):
        return ""
    name, ref = split_reference(job.subject_name)
    parts = [*name.split("/", 1), *([ref] if ref else [])]
    try:
        return reverse("adapter-version" if ref else "adapter", args=parts)
    except NoReverseMatch:
        return ""
