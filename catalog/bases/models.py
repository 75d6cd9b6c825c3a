"""BaseModel: the model that adapters are made for, as identity and shapes."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from kernels.formats.base_shapes import BaseShapes


class BaseState(models.TextChoices):
    """Whether the shape table exists yet."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class BaseModel(models.Model):
    """One revision of a base model. Its weights stay where they are; workers and clients resolve that place."""

    name = models.CharField(max_length=200)
    folded = models.CharField(max_length=200, editable=False)
    revision = models.CharField(max_length=64, default="main")
    state = models.CharField(max_length=16, choices=BaseState, default=BaseState.PENDING)
    architecture = models.CharField(max_length=120, blank=True)
    model_type = models.CharField(max_length=80, blank=True)
    hidden_size = models.PositiveIntegerField(null=True, blank=True)
    layers = models.PositiveIntegerField(null=True, blank=True)
    parameters = models.BigIntegerField(null=True, blank=True)
    modules = models.PositiveIntegerField(null=True, blank=True)
    license = models.CharField(max_length=120, blank=True)
    weights = models.CharField(max_length=300, blank=True)
    config = models.JSONField(null=True, blank=True)
    config_digest = models.CharField(max_length=64, blank=True)
    shapes_digest = models.CharField(max_length=64, blank=True)
    error = models.JSONField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folded", "revision"], name="one_base_per_id_and_revision")]

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the folded form in step with the name."""
        self.folded = self.name.casefold()
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.name if self.revision == "main" else f"{self.name}@{self.revision}"


class BaseModelShapes(models.Model):
    """The shape of every module, apart from the row that lists read."""

    base = models.OneToOneField(BaseModel, on_delete=models.CASCADE, related_name="shapes", primary_key=True)
    table = models.JSONField()

    def as_shapes(self) -> "BaseShapes":
        """The table as the library's object."""
        from kernels.formats.base_shapes import BaseShapes

        return BaseShapes.from_dict(self.table)


class BaseModelAlias(models.Model):
    """Another id under which configs and cards name the same base model."""

    base = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=200)
    folded = models.CharField(max_length=200, unique=True, editable=False)

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the folded form in step with the name."""
        self.folded = self.name.casefold()
        super().save(*args, **kwargs)  # type: ignore[arg-type]
