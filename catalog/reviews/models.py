"""Thread, Case, Comment, Review: a revision before its reviewers. Waiver: who needs none. AuditEvent: what changed."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.accounts.models import Namespace, Role
from catalog.adapters.models import Revision
from catalog.reviews.querysets import AuditQuerySet, CaseQuerySet


class Decision(models.TextChoices):
    """What a reviewer decided."""

    APPROVE = "approve"
    REJECT = "reject"
    ASK_CHANGES = "ask_changes"


class Priority(models.IntegerChoices):
    """How soon somebody should look; the smallest number comes first."""

    URGENT = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4


class Thread(models.Model):
    """What is said about one change, over every push that it took: a resubmission keeps it."""

    opened_at = models.DateTimeField(auto_now_add=True)


class Case(models.Model):
    """One revision before its reviewers: since when, how urgent, whose, and how it ended.

    It is open while ``closed_at`` is empty. ``decision`` stays empty where no person ended it. What the queue filters
    by is noted when it opens, because a report is never searched.
    """

    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="case")
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="cases")
    # Kept here: a refusal frees the version.
    version = models.CharField(max_length=64, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="cases"
    )
    warnings = models.PositiveSmallIntegerField(default=0)
    disagreements = models.PositiveSmallIntegerField(default=0)
    is_first = models.BooleanField(default=False)
    entered_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=16, choices=Decision, blank=True)
    waited_seconds = models.PositiveIntegerField(null=True, blank=True)
    # Changes were asked for, and another push has come since.
    is_answered = models.BooleanField(default=False)

    objects = CaseQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["priority", "entered_at", "id"], name="cases_open", condition=Q(closed_at=None)),
            models.Index(fields=["closed_at"], name="cases_decided", condition=~Q(decision="")),
        ]

    def __str__(self) -> str:
        return f"review of {self.revision}"


class Comment(models.Model):
    """One remark in a thread."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]


class Review(models.Model):
    """One decision about one revision."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    decision = models.CharField(max_length=16, choices=Decision)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]


class Waiver(models.Model):
    """Leave to publish in a namespace without review: for one user, or for a role and those above it."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="waivers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="waivers"
    )
    role = models.CharField(max_length=16, choices=Role, blank=True)
    # Not the first version of an adapter: somebody has looked at one.
    is_update_only = models.BooleanField(default=True)
    # Not what validation warned of, or what claims something else than its file says.
    is_clean_only = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "user"], name="one_waiver_per_user"),
            models.UniqueConstraint(fields=["namespace", "role"], condition=~Q(role=""), name="one_waiver_per_role"),
            models.CheckConstraint(
                condition=Q(user=None, role__in=Role.values) | Q(user__isnull=False, role=""),
                name="a_waiver_is_for_a_user_or_a_role",
            ),
        ]

    @property
    def holder(self) -> str:
        """Whom it is for."""
        return self.user.username if self.user is not None else f"every {self.role}"

    def __str__(self) -> str:
        return f"{self.namespace}: {self.holder} without review"


class AuditEvent(models.Model):
    """An append-only record. Names are stored as text, so that it outlives what it speaks of."""

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    # The namespace that it happened in; empty for what belongs to the whole hub.
    namespace = models.CharField(max_length=96, blank=True, db_default="", default="")
    before = models.CharField(max_length=40, blank=True)
    after = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["namespace", "-id"], name="audit_of_namespace"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["action", "-id"], name="audit_of_action"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new line; refuse to change one."""
        if self.pk is not None:
            raise TypeError("the audit log is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Never."""
        raise TypeError("the audit log is append-only")
