"""Adapter, Blob, Revision, File, Ref, Version, Publication."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.adapters.querysets import AdapterQuerySet, BlobQuerySet, RevisionQuerySet
from catalog.named import Named
from catalog.named import Visibility as Visibility


class Adapter(Named):
    """A name under which revisions are published. A deleted one stays as a tombstone: no name is given out twice."""

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="adapters")
    default_version = models.ForeignKey("Version", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = AdapterQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["namespace", "folded"], name="one_adapter_per_folded_name")]


class BlobState(models.TextChoices):
    """What the store holds under a digest, as far as the hub knows."""

    ARRIVING = "arriving"
    STORED = "stored"
    DAMAGED = "damaged"


class Blob(models.Model):
    """Bytes by digest. The row is the lock of its digest: whoever writes or deletes the object holds or touches it.

    ``arriving``: somebody says that these bytes come, or an object was found that no row knew; nothing is known of
    the bytes. ``stored``: the hub has hashed them itself. ``damaged``: the store hands out other bytes.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    git_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    size_bytes = models.BigIntegerField()
    state = models.CharField(
        max_length=16, choices=BlobState, default=BlobState.STORED, db_default=BlobState.STORED.value
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # When somebody last said that he needs these bytes; garbage collection counts its grace from here.
    touched_at = models.DateTimeField(db_default=Now())
    condemned_at = models.DateTimeField(null=True, blank=True)
    scrubbed_at = models.DateTimeField(null=True, blank=True)

    objects = BlobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["state"], name="blobs_not_stored", condition=~Q(state="stored")),
            models.Index(fields=["condemned_at"], name="blobs_condemned", condition=Q(condemned_at__isnull=False)),
        ]

    @property
    def is_damaged(self) -> bool:
        """Whether the hub hands these bytes out no more, until somebody pushes them again."""
        return self.state != BlobState.STORED

    def __str__(self) -> str:
        return f"blob {self.sha256}"


class RevisionState(models.TextChoices):
    """A revision's way through the hub."""

    VALIDATING = "validating"
    INVALID = "invalid"
    PENDING = "pending"
    REJECTED = "rejected"
    RETURNED = "returned"
    PUBLISHED = "published"
    YANKED = "yanked"
    WITHDRAWN = "withdrawn"


class Revision(models.Model):
    """A commit: an immutable set of files with a parent, named by its git commit id."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="revisions")
    commit_id = models.CharField(max_length=40)
    tree_id = models.CharField(max_length=40, db_index=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    message = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=RevisionState, default=RevisionState.VALIDATING)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    # Computed from others: seen by those alone who may see all of them (catalog.access.Origin).
    is_derived = models.BooleanField(default=False, db_default=False)
    # Path, digest and size of every file, once the revision has given up its bytes; empty while it holds them.
    manifest = models.JSONField(null=True, blank=True)

    # What the uploader and the card say.
    claims = models.JSONField(default=dict)
    task = models.CharField(max_length=80, blank=True)
    languages = models.JSONField(default=list)
    license = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list)
    summary = models.CharField(max_length=300, blank=True)
    card = models.TextField(blank=True)

    # What the file says.
    facts = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    method = models.CharField(max_length=60, blank=True)
    rank = models.PositiveIntegerField(null=True, blank=True)
    base_model = models.ForeignKey(
        "bases.BaseModel", null=True, blank=True, on_delete=models.PROTECT, related_name="revisions"
    )
    validation_job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = RevisionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "commit_id"], name="one_revision_per_commit")]
        indexes = [models.Index(fields=["state", "created_at"], name="revision_queue")]

    def __str__(self) -> str:
        return f"{self.adapter}@{self.commit_id[:12]}"


class File(models.Model):
    """One path of a revision."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=300)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="files")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "path"], name="one_file_per_path")]
        ordering = ["path"]


class Ref(models.Model):
    """A branch: a name that moves. ``main`` is the newest published revision."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="refs")
    name = models.CharField(max_length=100)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="refs")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["adapter", "name"], name="one_ref_per_name")]


class VersionState(models.TextChoices):
    """A version tag's life. A reserved one may be freed; every other state lasts for ever."""

    RESERVED = "reserved"
    PUBLISHED = "published"
    YANKED = "yanked"
    WITHDRAWN = "withdrawn"


class Version(models.Model):
    """A tag such as ``1.2.0``. Once published it means the same files for ever, also after deletion."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="versions")
    name = models.CharField(max_length=64)
    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="version")
    state = models.CharField(max_length=16, choices=VersionState, default=VersionState.RESERVED)
    yank_reason = models.CharField(max_length=500, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["adapter", "name"], name="a_version_is_never_reused"),
            models.CheckConstraint(
                condition=Q(state=VersionState.RESERVED) | Q(published_at__isnull=False),
                name="published_versions_have_a_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.adapter}@{self.name}"


class Publication(models.Model):
    """An append-only line for every publication, in words, so that ``fsck`` sees a version that moved or went away."""

    full_name = models.CharField(max_length=200)
    version = models.CharField(max_length=64)
    commit_id = models.CharField(max_length=40)
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["full_name", "version"], name="published_once")]

    def save(self, *args: object, **kwargs: object) -> None:
        """Write a new line; refuse to change one."""
        if self.pk is not None:
            raise TypeError("the log of publications is append-only")
        super().save(*args, **kwargs)
