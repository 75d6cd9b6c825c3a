"""SearchEntry: one narrow row for each adapter with something published; what every listing reads."""

from django.db import models


class SearchEntry(models.Model):
    """The default version of an adapter, as listings filter and sort it."""

    adapter = models.OneToOneField("adapters.Adapter", on_delete=models.CASCADE, related_name="entry")
    revision = models.ForeignKey("adapters.Revision", on_delete=models.CASCADE, related_name="+")
    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="+")
    base_model = models.ForeignKey("bases.BaseModel", null=True, on_delete=models.SET_NULL, related_name="entries")
    full_name = models.CharField(max_length=200, unique=True)
    version = models.CharField(max_length=64)
    is_public = models.BooleanField()
    summary = models.CharField(max_length=300, blank=True)
    method = models.CharField(max_length=60, db_index=True)
    rank = models.PositiveIntegerField(null=True)
    task = models.CharField(max_length=80, blank=True, db_index=True)
    languages = models.TextField(blank=True)
    tags = models.TextField(blank=True)
    license = models.CharField(max_length=200, blank=True, db_index=True)
    size_bytes = models.BigIntegerField()
    downloads = models.BigIntegerField(default=0)
    published_at = models.DateTimeField()
    text = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["-downloads", "-id"], name="entry_by_downloads"),
            models.Index(fields=["-published_at", "-id"], name="entry_by_date"),
        ]


class DownloadCount(models.Model):
    """Downloads of an adapter on one day, apart from the rows that listings read."""

    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.CASCADE, related_name="download_counts")
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "day"], name="one_count_per_day")]
