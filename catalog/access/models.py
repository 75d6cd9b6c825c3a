"""Grant, Origin."""

from django.db import models
from django.db.models import Q

from catalog.access.querysets import GrantQuerySet


class Grant(models.Model):
    """Leave for one user, or for every member of a namespace, to see what an adapter has published, until it ends."""

    adapter = models.ForeignKey("adapters.Adapter", on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.CASCADE, related_name="grants")
    namespace = models.ForeignKey("accounts.Namespace", null=True, on_delete=models.CASCADE, related_name="grants")
    expires_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    granted_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["adapter", "user"], name="one_grant_per_user"),
            models.UniqueConstraint(fields=["adapter", "namespace"], name="one_grant_per_namespace"),
            models.CheckConstraint(
                condition=Q(user__isnull=True, namespace__isnull=False) | Q(user__isnull=False, namespace__isnull=True),
                name="a_grant_is_for_a_user_or_a_namespace",
            ),
        ]
        ordering = ["pk"]

    @property
    def grantee(self) -> str:
        """``user bob`` or ``members of team``."""
        return f"user {self.user.username}" if self.user else f"members of {self.namespace}"

    def __str__(self) -> str:
        return f"{self.adapter} for {self.grantee}"


class Origin(models.Model):
    """One revision that another was computed from, however many steps back: what access asks, without walking."""

    revision = models.ForeignKey("adapters.Revision", on_delete=models.CASCADE, related_name="origins")
    ancestor = models.ForeignKey("adapters.Revision", on_delete=models.PROTECT, related_name="contained_in")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "ancestor"], name="one_origin_per_ancestor")]

    def __str__(self) -> str:
        return f"{self.ancestor} in {self.revision}"
