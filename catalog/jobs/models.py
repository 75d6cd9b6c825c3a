"""Job: a row that says what is to be done, who is doing it now, and how it ended."""

import uuid

from django.conf import settings
from django.db import models

from catalog.jobs.querysets import JobQuerySet


class JobState(models.TextChoices):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Job(models.Model):
    """One piece of work. A worker holds it by a lease and writes only while its fencing token is the row's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    queue = models.CharField(max_length=16, default="cpu")
    state = models.CharField(max_length=16, choices=JobState, default=JobState.QUEUED)
    payload = models.JSONField(default=dict)
    namespace = models.ForeignKey("accounts.Namespace", null=True, on_delete=models.CASCADE, related_name="jobs")
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_name = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    attempts = models.PositiveIntegerField(default=0)
    fencing_token = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    is_cancel_requested = models.BooleanField(default=False)
    available_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    progress = models.FloatField(default=0.0)
    progress_note = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "available_at"], name="job_due"), models.Index(fields=["-created_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_name}"
