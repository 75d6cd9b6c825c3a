"""Upload: files on their way in. Nothing refers to their bytes before the hub has hashed them."""

import uuid

from django.conf import settings
from django.db import models


class UploadState(models.TextChoices):
    """Where an upload stands."""

    OPEN = "open"
    FINISHING = "finishing"
    RECEIVING = "receiving"
    COMMITTED = "committed"
    ABORTED = "aborted"


class Upload(models.Model):
    """One push: what it will be, and the files it announced."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.CASCADE, related_name="uploads")
    adapter_name = models.CharField(max_length=96)
    visibility = models.CharField(max_length=16)
    version = models.CharField(max_length=64, blank=True)
    message = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    part_size_bytes = models.PositiveIntegerField()
    # Whether large files may go to the store itself; a browser may be kept out there.
    is_direct = models.BooleanField(default=True, db_default=True)
    state = models.CharField(max_length=16, choices=UploadState, default=UploadState.OPEN)
    finishing_since = models.DateTimeField(null=True, blank=True)
    revision = models.ForeignKey(
        "adapters.Revision", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    receive_job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    @property
    def full_name(self) -> str:
        """``namespace/name`` of the adapter it goes to."""
        return f"{self.namespace.name}/{self.adapter_name}"


class UploadFile(models.Model):
    """One announced file; its index names its parts in the store.

    ``multipart`` is the store's id of the multipart upload that the client sends this file's parts to; empty for a file
    that passes through the hub, and before a large one was first asked for.
    """

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    index = models.PositiveIntegerField()
    path = models.CharField(max_length=300)
    size_bytes = models.BigIntegerField()
    multipart = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "index"], name="one_upload_file_per_index"),
            models.UniqueConstraint(fields=["upload", "path"], name="one_upload_file_per_path"),
        ]
        ordering = ["index"]
