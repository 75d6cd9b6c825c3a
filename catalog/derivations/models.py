"""Derivation, Parent."""

from django.db import models
from django.db.models import Q

from catalog.adapters.models import Revision
from catalog.derivations.querysets import DerivationQuerySet


class DerivationKind(models.TextChoices):
    """What made a revision out of others."""

    MERGE = "merge"
    REDUCE = "reduce"
    EXTRACT = "extract"
    DECOMPRESS = "decompress"
    ADAPT = "adapt"
    TRANSFER = "transfer"


class DerivationState(models.TextChoices):
    """Where a derivation stands."""

    WAITING = "waiting"
    MADE = "made"
    FAILED = "failed"


class Derivation(models.Model):
    """One computation that makes a revision out of others, or is going to.

    ``recipe`` holds every parameter and ``made_with`` versions and device: with the parents' digests that is enough to
    compute it again on the same kind of device. ``report`` says what it came to: errors, norms, bytes, what happened
    to heads.
    """

    kind = models.CharField(max_length=16, choices=DerivationKind)
    state = models.CharField(max_length=16, choices=DerivationState, default=DerivationState.WAITING)
    target = models.ForeignKey("adapters.Adapter", on_delete=models.PROTECT, related_name="derivations")
    revision = models.OneToOneField("adapters.Revision", null=True, on_delete=models.PROTECT, related_name="derivation")
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="derivations")
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.CharField(max_length=64, blank=True)
    recipe = models.JSONField(default=dict)
    made_with = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True, blank=True)

    objects = DerivationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=DerivationState.MADE) | Q(revision__isnull=False),
                name="what_was_made_is_a_revision",
            ),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.kind} -> {self.revision or self.target}"


class Parent(models.Model):
    """One revision that a derivation was computed from. Names and digests stay when the revision's bytes are gone."""

    derivation = models.ForeignKey(Derivation, on_delete=models.CASCADE, related_name="parents")
    revision = models.ForeignKey("adapters.Revision", on_delete=models.PROTECT, related_name="descents")
    place = models.PositiveIntegerField()
    role = models.CharField(max_length=16, default="member")
    full_name = models.CharField(max_length=200)
    version = models.CharField(max_length=64, blank=True)
    commit_id = models.CharField(max_length=40)
    # Path to SHA-256 of every file that was read.
    digests = models.JSONField(default=dict)
    weight = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["derivation", "place"], name="one_parent_per_place"),
        ]
        ordering = ["place"]

    def __str__(self) -> str:
        return f"{self.full_name}@{self.version or self.commit_id[:12]}"

    @classmethod
    def of(cls, revision: Revision, *, place: int, role: str = "member", weight: float | None = None) -> "Parent":
        """An unsaved parent that names ``revision`` and the digest of each of its files."""
        version = getattr(revision, "version", None)
        return cls(
            revision=revision,
            place=place,
            role=role,
            weight=weight,
            full_name=revision.adapter.full_name,
            version=version.name if version else "",
            commit_id=revision.commit_id,
            digests=dict(revision.files.values_list("path", "blob_id")),
        )
