"""Record, RecordVersion: an adapter that lies elsewhere, as another catalogue describes it."""

from django.db import models

from catalog.records.querysets import RecordQuerySet


class Record(models.Model):
    """One entry of another catalogue. Its bytes are elsewhere and nothing of it was checked here.

    ``claims`` is what the source says, whole and in its own words; the columns beside it are the same in this hub's
    words, as far as they could be read. ``notes`` say what was read otherwise than it was written, field by field.
    """

    source = models.CharField(max_length=40)
    path = models.CharField(max_length=150)
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    link = models.URLField(max_length=600, blank=True)
    author = models.CharField(max_length=300, blank=True)
    base_name = models.CharField(max_length=300, blank=True)
    architecture = models.CharField(max_length=60, blank=True)
    method = models.CharField(max_length=60, blank=True)
    task = models.CharField(max_length=80, blank=True)
    languages = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    license = models.CharField(max_length=200, blank=True)
    default_version = models.CharField(max_length=100, blank=True)
    claims = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    provenance = models.JSONField(default=dict)
    imported_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = RecordQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "path"], name="one_record_per_source_path")]
        ordering = ["source", "path"]

    @property
    def source_label(self) -> str:
        """What the source calls itself."""
        return {"adapterhub": "AdapterHub", "huggingface": "Hugging Face"}.get(self.source, self.source)

    @property
    def full_name(self) -> str:
        """``source/path``: three words or more, so that it is never the name of an adapter."""
        return f"{self.source}/{self.path}"

    def __str__(self) -> str:
        return self.full_name


class RecordVersion(models.Model):
    """One file that the source offers: where it was, and the digests it should have."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="versions")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=1000, blank=True)
    sha1 = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    description = models.TextField(blank=True)
    score = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["record", "position"], name="one_version_per_place")]
        indexes = [models.Index(fields=["sha256"], name="record_version_by_sha256")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.record}@{self.name}"
