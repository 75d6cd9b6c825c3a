"""Job: a row that says what is to be done, who does it now, and how it ended; its log; and the workers."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from catalog.jobs.querysets import JobQuerySet, WorkerQuerySet


class JobState(models.TextChoices):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Priority(models.IntegerChoices):
    """Which of a queue's waiting jobs runs next: the highest, then the one that has waited longest."""

    BACKGROUND = 0
    BULK = 10
    INTERACTIVE = 20


class Job(models.Model):
    """One piece of work. A worker holds it by a lease and writes only while its fencing token is the row's.

    Columns that came later have a default in the database too, since during an upgrade the old code still writes rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    queue = models.CharField(max_length=16, default="cpu")
    priority = models.SmallIntegerField(
        choices=Priority, default=Priority.INTERACTIVE, db_default=Priority.INTERACTIVE.value
    )
    state = models.CharField(max_length=16, choices=JobState, default=JobState.QUEUED)
    payload = models.JSONField(default=dict)
    namespace = models.ForeignKey("accounts.Namespace", null=True, on_delete=models.CASCADE, related_name="jobs")
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_name = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    attempts = models.PositiveIntegerField(default=0)
    fencing_token = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=100, blank=True, db_default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    is_cancel_requested = models.BooleanField(default=False)
    available_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    progress = models.FloatField(default=0.0)
    progress_note = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    is_dead_letter = models.BooleanField(default=False, db_default=False)
    # When an administrator said of a dead letter that nothing more is to be done about it.
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("available_at"),
                F("created_at"),
                condition=Q(state=JobState.QUEUED),
                name="job_next",
            ),
            models.Index(fields=["namespace", "queue"], condition=Q(state=JobState.QUEUED), name="job_waiting"),
            models.Index(fields=["lease_until"], condition=Q(state=JobState.RUNNING), name="job_leases"),
            models.Index(fields=["-finished_at"], condition=Q(is_dead_letter=True), name="job_dead_letters"),
            models.Index(fields=["-created_at"]),
        ]

    @property
    def priority_name(self) -> str:
        """``interactive``, ``bulk`` or ``background``."""
        return Priority(self.priority).name.lower()

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_name}"


class EventKind(models.TextChoices):
    """What happened to a job."""

    CLAIMED = "claimed"
    ATTEMPT_FAILED = "attempt_failed"
    LEASE_LOST = "lease_lost"
    GIVEN_BACK = "given_back"
    CANCEL_REQUESTED = "cancel_requested"
    RETRIED = "retried"
    ACKNOWLEDGED = "acknowledged"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobEvent(models.Model):
    """One line of a job's log. Rows are added and never changed."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=EventKind)
    attempt = models.PositiveIntegerField(default=0)
    who = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.note}".strip()


class Worker(models.Model):
    """A process that runs jobs, kept alive by its heartbeat."""

    name = models.CharField(max_length=100, primary_key=True)
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    queues = models.JSONField(default=list)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    is_stopping = models.BooleanField(default=False)
    # How far its clock is ahead of the database's.
    clock_skew_seconds = models.FloatField(default=0.0, db_default=0.0)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
