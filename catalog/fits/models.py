"""ShapeSet, RevisionShapes, BaseFit: what files ask of a base model, and which registered ones have it."""

from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from kernels.formats.requirements import Requirements


class ShapeSet(models.Model):
    """What a file asks of a base model (``kernels.formats.requirements``), under its digest.

    Adapters of one training script share it, whatever their rank: there are few of them, and each is compared once.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    modules = models.PositiveIntegerField()
    table = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"shapes {self.digest[:12]}"

    def as_requirements(self) -> "Requirements":
        """The table as the library's object."""
        from kernels.formats.requirements import Requirements

        return Requirements.from_dict(self.table)


class Verdict(models.TextChoices):
    """Whether a base model takes what has these shapes."""

    FITS = "fits"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class BaseFit(models.Model):
    """One shape set against one base model. ``finding`` is the first tensor that does not fit."""

    shapes = models.ForeignKey(ShapeSet, on_delete=models.CASCADE, related_name="fits", db_index=False)
    base = models.ForeignKey("bases.BaseModel", on_delete=models.CASCADE, related_name="fits", db_index=False)
    verdict = models.CharField(max_length=8, choices=Verdict)
    checked = models.PositiveIntegerField(default=0)
    unmatched = models.PositiveIntegerField(default=0)
    finding = models.JSONField(null=True, blank=True)
    # Of the base's table when they were compared: another table makes the row worthless.
    base_digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shapes", "base"], name="compared_once")]
        indexes = [models.Index(fields=["base", "verdict"], name="fits_of_a_base")]

    def __str__(self) -> str:
        return f"{self.shapes_id[:12]} {self.verdict} {self.base_id}"


class RevisionShapes(models.Model):
    """The shape set of a revision's file, found when it was validated."""

    revision = models.OneToOneField(
        "adapters.Revision", on_delete=models.CASCADE, related_name="shapes", primary_key=True
    )
    shapes = models.ForeignKey(ShapeSet, on_delete=models.PROTECT, related_name="revisions")

    def __str__(self) -> str:
        return f"{self.revision_id} has {self.shapes_id[:12]}"
