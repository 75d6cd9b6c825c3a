"""Which withdrawals and removals somebody may know of: those who might see what it was, and its own people."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Q

from catalog.access.querysets import origins_seen, readable
from catalog.accounts.querysets import Actor, is_staff, namespaces_of

if TYPE_CHECKING:
    from catalog.removals.models import Removal, Withdrawal  # noqa: F401  (named in the base classes below)


class WithdrawalQuerySet(models.QuerySet["Withdrawal", "Withdrawal"]):
    """Withdrawals by who may know of them."""

    def known_to(self, actor: Actor) -> "WithdrawalQuerySet":
        """Of revisions that the actor may see, or might before they were withdrawn; and of bases that he may see."""
        # Looked up by name: the models import this file.
        bases = apps.get_model("families", "Basis")._default_manager
        seen = Q(revision__isnull=False) & readable(actor, "revision") & origins_seen(actor, "revision_id")
        return self.filter(seen | Q(basis__in=bases.visible_to(actor).values("pk")))


class RemovalQuerySet(models.QuerySet["Removal", "Removal"]):
    """Removals by who may see them."""

    def visible_to(self, actor: Actor) -> "RemovalQuerySet":
        """Those of adapters of the actor's own namespaces."""
        if is_staff(actor):
            return self
        if not actor.is_authenticated:
            return self.none()
        return self.filter(adapter__namespace_id__in=namespaces_of(actor))
