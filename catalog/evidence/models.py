"""Evidence: what was measured of one revision."""

from django.db import models

from catalog.adapters.models import Revision


class Evidence(models.Model):
    """Statistics of every module's update, and how they compare with those of peers; or why there are none."""

    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="evidence", primary_key=True)
    device = models.CharField(max_length=16, blank=True)
    statistics = models.JSONField(default=dict)
    comparison = models.JSONField(null=True, blank=True)
    peers = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"evidence of {self.revision_id}"
