"""User, Namespace, Membership, ApiToken."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from catalog.accounts.querysets import NamespaceQuerySet
from catalog.names import fold


class User(AbstractUser):
    """A person or a machine that signs in."""


class NamespaceKind(models.TextChoices):
    """Who stands behind a namespace."""

    USER = "user"
    ORGANIZATION = "organization"


class Namespace(models.Model):
    """The first part of an adapter's name. Kept for ever: a deleted one stays as a tombstone."""

    name = models.CharField(max_length=96)
    folded = models.CharField(max_length=96, unique=True, editable=False)
    kind = models.CharField(max_length=16, choices=NamespaceKind)
    display_name = models.CharField(max_length=200, blank=True)
    is_review_required = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = NamespaceQuerySet.as_manager()

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the folded form in step with the name."""
        self.folded = fold(self.name)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do; each includes those below it."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    WRITER = "writer"
    READER = "reader"


class Membership(models.Model):
    """A user's role in a namespace."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "user"], name="one_role_per_member")]


class ApiToken(models.Model):
    """A bearer token. The secret is never stored, only its SHA-256; the prefix helps its owner to tell tokens apart."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
