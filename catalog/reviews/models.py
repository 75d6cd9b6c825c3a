"""Review: who decided what about a revision, and why. AuditEvent: everything that changed what people may rely on."""

from django.conf import settings
from django.db import models

from catalog.adapters.models import Revision


class Decision(models.TextChoices):
    """What a reviewer decided."""

    APPROVE = "approve"
    REJECT = "reject"


class Review(models.Model):
    """One decision about one revision."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    decision = models.CharField(max_length=16, choices=Decision)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]


class AuditEvent(models.Model):
    """An append-only record. Names are stored as text, so that it outlives what it speaks of."""

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    before = models.CharField(max_length=40, blank=True)
    after = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
