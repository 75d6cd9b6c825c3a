"""Fingerprint: what is compared of one revision."""

from django.db import models

from catalog.adapters.models import Revision


class Fingerprint(models.Model):
    """Digest of a revision's tensors and two sketches of its updates (``kernels.similarity.fingerprint``).

    It stays when the bytes go: whoever pushes them again under other names is still found out. ``space`` names the
    shapes of the base model and ``layout`` the modules that are changed; sketches are compared where one of the two is
    the same, also of adapters that are said to be for different base models. ``skipped`` says why there are none.
    """

    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="fingerprint", primary_key=True)
    space = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField()
    tensors_digest = models.CharField(max_length=64)
    layout = models.CharField(max_length=64, blank=True)
    update_code = models.BinaryField(default=bytes)
    initial_a_code = models.BinaryField(default=bytes)
    norm = models.FloatField(default=0.0)
    modules = models.PositiveIntegerField(default=0)
    is_partial = models.BooleanField(default=False)
    # Medians over modules of norms and effective ranks of A and of B, as the file keeps them.
    factors = models.JSONField(default=dict)
    skipped = models.JSONField(null=True, blank=True)
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["space", "version"], name="fingerprints_to_compare"),
            models.Index(fields=["layout"], name="fingerprints_by_layout"),
            models.Index(fields=["tensors_digest"], name="fingerprints_by_tensors"),
        ]

    def __str__(self) -> str:
        return f"fingerprint of {self.revision_id}"
