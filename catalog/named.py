"""What adapters, evaluation sets and families have in common: a name in a namespace, and who may see it."""

from typing import Any

from django.db import models

from catalog.names import fold


class Visibility(models.TextChoices):
    """Who may see it: everybody, or the members of its namespace."""

    PUBLIC = "public"
    PRIVATE = "private"


class Named(models.Model):
    """A model with a foreign key ``namespace``, in which names differ by more than case and separators."""

    namespace: "models.ForeignKey[Any, Any]"
    name = models.CharField(max_length=96)
    folded = models.CharField(max_length=96, editable=False)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PUBLIC)
    summary = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the folded form in step with the name."""
        self.folded = fold(self.name)
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def full_name(self) -> str:
        """``namespace/name``, as people type it."""
        return f"{self.namespace.name}/{self.name}"

    def __str__(self) -> str:
        return self.full_name
