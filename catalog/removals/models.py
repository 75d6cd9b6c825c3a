"""Withdrawal, WithdrawnFile, Removal."""

import uuid

from django.db import models
from django.db.models import Q

from catalog.removals.querysets import RemovalQuerySet, WithdrawalQuerySet


class Derived(models.TextChoices):
    """What becomes of that which was derived from something withdrawn."""

    WITHDRAW = "withdraw"
    FLAG = "flag"


class RemovalState(models.TextChoices):
    """Where a removal stands. What is to be removed cannot be pulled from the moment it was asked for."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Removal(models.Model):
    """Bytes that go for good, with all that contains them. ``receipt`` lists each artefact and what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.PROTECT, related_name="removals")
    # As it was asked for: namespace/name, or with @version.
    subject = models.CharField(max_length=300)
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=16, choices=RemovalState, default=RemovalState.WAITING)
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="removals")
    receipt = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RemovalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"removal of {self.subject}"


class Withdrawal(models.Model):
    """Why a revision, or a basis that was computed from one, is not handed out any more. Never undone."""

    revision = models.OneToOneField("adapters.Revision", null=True, on_delete=models.CASCADE, related_name="withdrawal")
    basis = models.OneToOneField("families.Basis", null=True, on_delete=models.CASCADE, related_name="withdrawal")
    # What was withdrawn itself and took this along.
    cause = models.ForeignKey("adapters.Revision", null=True, on_delete=models.SET_NULL, related_name="+")
    before = models.CharField(max_length=16)
    reason = models.CharField(max_length=500)
    withdrawn_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    withdrawn_at = models.DateTimeField()
    removal = models.ForeignKey(Removal, null=True, on_delete=models.SET_NULL, related_name="withdrawals")

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(revision__isnull=True, basis__isnull=False) | Q(revision__isnull=False, basis__isnull=True),
                name="a_withdrawal_is_of_a_revision_or_a_basis",
            )
        ]
        ordering = ["pk"]

    @property
    def is_removed(self) -> bool:
        """Whether its bytes went for good, or are about to."""
        return self.removal_id is not None

    @property
    def subject(self) -> str:
        """``org/name@1.0.0`` of a revision, ``org/family@3`` of a basis."""
        return str(self.basis or getattr(self.revision, "version", None) or self.revision)

    def __str__(self) -> str:
        return f"{self.subject}, which was withdrawn: {self.reason}"


class WithdrawnFile(models.Model):
    """One file of what was withdrawn, by its digest, which outlives the bytes."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64, db_index=True)
    size_bytes = models.BigIntegerField()
    # Its bytes were removed for good, and are not taken again.
    is_refused = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
