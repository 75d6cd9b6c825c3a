"""SearchEntry: one narrow row for each adapter with something published; what every listing reads."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

# Signs and not words before a label: a word in every row would be in every list of the trigram index.
LABEL_SIGNS = {"tag": "#", "language": "@"}


class SearchEntry(models.Model):
    """The default version of an adapter, as listings filter and sort it."""

    adapter = models.OneToOneField("adapters.Adapter", on_delete=models.CASCADE, related_name="entry")
    revision = models.ForeignKey("adapters.Revision", on_delete=models.CASCADE, related_name="+")
    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="+", db_index=False)
    base_model = models.ForeignKey(
        "bases.BaseModel", null=True, on_delete=models.SET_NULL, related_name="entries", db_index=False
    )
    full_name = models.CharField(max_length=200, unique=True)
    version = models.CharField(max_length=64)
    is_public = models.BooleanField()
    is_derived = models.BooleanField(default=False, db_default=False)
    summary = models.CharField(max_length=300, blank=True)
    method = models.CharField(max_length=60)
    rank = models.PositiveIntegerField(null=True)
    task = models.CharField(max_length=80, blank=True)
    languages = models.TextField(blank=True)
    tags = models.TextField(blank=True)
    license = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField()
    downloads = models.BigIntegerField(default=0)
    published_at = models.DateTimeField()

    class Meta:
        # Each filter in the order of the default sorting: the first page stops after its rows, however many there are.
        indexes = [
            models.Index(fields=["namespace", "-downloads", "-id"], name="entry_by_namespace"),
            models.Index(fields=["base_model", "-downloads", "-id"], name="entry_by_base"),
            models.Index(fields=["method", "-downloads", "-id"], name="entry_by_method"),
            models.Index(fields=["task", "-downloads", "-id"], name="entry_by_task"),
            models.Index(Upper("license"), F("downloads").desc(), F("id").desc(), name="entry_by_license"),
            models.Index(fields=["-downloads", "-id"], name="entry_by_downloads"),
            models.Index(fields=["-published_at", "-id"], name="entry_by_date"),
        ]

    def __str__(self) -> str:
        return self.full_name


class SearchText(models.Model):
    """The words of an entry, apart from it: counting a download must not write the index over every word again.

    On PostgreSQL both columns have a trigram index.
    """

    entry = models.OneToOneField(SearchEntry, on_delete=models.CASCADE, related_name="words", primary_key=True)
    text = models.TextField(blank=True)
    labels = models.TextField(blank=True)
    """Folded, each between blanks: `` #legal @de @de-ch ``."""


class DownloadCount(models.Model):
    """Downloads of an adapter on one day, apart from the rows that listings read."""

    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.CASCADE, related_name="download_counts")
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)
    # How many of them the adapter's entry already shows.
    carried = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["id"], name="counts_to_carry", condition=~Q(count=F("carried")))]
        constraints = [models.UniqueConstraint(fields=["adapter", "day"], name="one_count_per_day")]
