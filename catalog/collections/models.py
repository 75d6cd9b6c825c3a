"""Collection, CollectionRevision, CollectionItem."""

from django.db import models
from django.db.models import Q

from catalog.collections.querysets import CollectionItemQuerySet, CollectionQuerySet
from catalog.named import Named


class Collection(Named):
    """A named, ordered list of adapters and records. What is in it, in which order, is said by its revisions."""

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="collections")
    description = models.TextField(blank=True)
    number = models.PositiveIntegerField(default=0)
    """Of the newest revision."""
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "folded"], name="one_collection_per_folded_name")]
        ordering = ["namespace__name", "name"]


class CollectionRevision(models.Model):
    """A collection as it was after one change; it never changes again."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    message = models.CharField(max_length=300, blank=True)
    summary = models.CharField(max_length=300, blank=True, db_default="")
    description = models.TextField(blank=True, db_default="")
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "number"], name="one_revision_per_number")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.collection}@{self.number}"


class CollectionItem(models.Model):
    """An adapter or a record at one place of one revision. Without a ``version`` an adapter's default one is meant."""

    revision = models.ForeignKey(CollectionRevision, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    adapter = models.ForeignKey(
        "adapters.Adapter", null=True, blank=True, on_delete=models.CASCADE, related_name="collection_items"
    )
    record = models.ForeignKey(
        "records.Record", null=True, blank=True, on_delete=models.CASCADE, related_name="collection_items"
    )
    version = models.CharField(max_length=100, blank=True)
    note = models.CharField(max_length=500, blank=True)

    objects = CollectionItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "position"], name="one_item_per_place"),
            models.CheckConstraint(
                condition=Q(adapter__isnull=False, record__isnull=True) | Q(adapter__isnull=True, record__isnull=False),
                name="an_item_is_an_adapter_or_a_record",
            ),
        ]
        ordering = ["position"]

    @property
    def full_name(self) -> str:
        """The name of the adapter or of the record."""
        thing = self.adapter or self.record
        return thing.full_name if thing else ""

    @property
    def kind(self) -> str:
        """``adapter`` or ``record``."""
        return "adapter" if self.adapter_id else "record"

    def __str__(self) -> str:
        return f"{self.full_name}@{self.version}" if self.version else self.full_name
