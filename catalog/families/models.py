"""Family, Member, Basis, Fit, BasisPart."""

from django.db import models
from django.db.models import Q

from catalog.families.querysets import BasisQuerySet, FamilyQuerySet
from catalog.named import Named


class Family(Named):
    """Adapters of one base model with the same module shapes, that are stored and pulled on one basis.

    ``rule`` chooses members by itself (``method``, ``task``, ``language``, ``tag``); empty where all are chosen by
    hand. ``settings`` is how its next basis is made: method, rank, byte budget or error limit, limits of the gate.
    """

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="families")
    base_model = models.ForeignKey("bases.BaseModel", on_delete=models.PROTECT, related_name="families")
    rule = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    current = models.ForeignKey("Basis", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = FamilyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "folded"], name="one_family_per_folded_name")]
        ordering = ["namespace__name", "name"]


class Consent(models.TextChoices):
    """Whether an adapter may enter the shared basis; only what was given by its own people counts."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"


class Member(models.Model):
    """An adapter that belongs to a family; what is fitted is its default version."""

    family = models.ForeignKey(Family, on_delete=models.CASCADE, related_name="members")
    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.CASCADE, related_name="memberships")
    consent = models.CharField(max_length=16, choices=Consent, default=Consent.ASKED)
    decided_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["family", "adapter"], name="one_membership_per_adapter")]
        ordering = ["pk"]


class BasisState(models.TextChoices):
    """A basis's life. Only a ready one is pulled from."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class Basis(models.Model):
    """One immutable basis of a family: ``family@3``. Its format is described in docs/FAMILIES.md.

    ``recipe`` is what was asked for, ``made_with`` versions and device, ``curve`` the bytes and the error at other
    ranks, ``report`` the error of each module.
    """

    family = models.ForeignKey(Family, on_delete=models.CASCADE, related_name="bases")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=BasisState, default=BasisState.WAITING)
    method = models.CharField(max_length=20)
    recipe = models.JSONField(default=dict)
    made_with = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    curve = models.JSONField(default=list)
    error = models.JSONField(null=True, blank=True)
    blob = models.ForeignKey("adapters.Blob", null=True, on_delete=models.PROTECT, related_name="bases")
    size_bytes = models.BigIntegerField(default=0)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True, blank=True)

    objects = BasisQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["family", "number"], name="one_basis_per_number"),
            models.CheckConstraint(
                condition=~Q(state=BasisState.READY) | Q(blob__isnull=False), name="a_ready_basis_has_bytes"
            ),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.family}@{self.number}"


class FitState(models.TextChoices):
    """What became of a member on a basis."""

    COMPRESSED = "compressed"
    # Projected onto a basis that was made without it, with too large an error: the next basis will hold it.
    WAITING = "waiting"
    # Beyond a limit on the newest basis too: it stays as it is.
    UNCOMPRESSED = "uncompressed"
    WITHDRAWN = "withdrawn"


class Fit(models.Model):
    """One revision on one basis: its coefficients, what they miss of it, and what that did to its scores."""

    basis = models.ForeignKey(Basis, on_delete=models.CASCADE, related_name="fits")
    revision = models.ForeignKey("adapters.Revision", on_delete=models.PROTECT, related_name="fits")
    state = models.CharField(max_length=16, choices=FitState)
    reason = models.CharField(max_length=500, blank=True)
    is_projected = models.BooleanField(default=False)
    cluster = models.PositiveIntegerField(default=0)
    # Coefficients, heads and whatever else the member needs besides the basis.
    blob = models.ForeignKey("adapters.Blob", null=True, on_delete=models.PROTECT, related_name="fits")
    size_bytes = models.BigIntegerField(default=0)
    original_bytes = models.BigIntegerField(default=0)
    relative_squared_error = models.FloatField()
    module_errors = models.JSONField(default=dict)
    # By evaluation set: score before and after, change, share of answers that flipped.
    scores = models.JSONField(default=list)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["basis", "revision"], name="one_fit_per_basis")]
        ordering = ["pk"]


class BasisPart(models.Model):
    """One module of a basis that is being made: a crash costs one module and not the whole."""

    basis = models.ForeignKey(Basis, on_delete=models.CASCADE, related_name="parts")
    module = models.CharField(max_length=300)
    blob = models.ForeignKey("adapters.Blob", on_delete=models.PROTECT, related_name="basis_parts")
    report = models.JSONField(default=dict)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["basis", "module"], name="one_part_per_module")]
        ordering = ["module"]
