"""Which families and bases somebody may see: no view can forget it."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from catalog.access.querysets import origins_seen, readable
from catalog.accounts.querysets import WRITE_ROLES, Actor, is_staff, namespaces_of, visible_through
from catalog.names import fold, split_full_name

if TYPE_CHECKING:
    from catalog.families.models import Basis, Family  # noqa: F401  (named in the base classes below)


class FamilyQuerySet(models.QuerySet["Family", "Family"]):
    """Families by who may see them. Their members are seen by whoever may see the adapters themselves."""

    def live(self) -> "FamilyQuerySet":
        """Without tombstones."""
        return self.filter(deleted_at=None, namespace__deleted_at=None)

    def visible_to(self, actor: Actor) -> "FamilyQuerySet":
        """Public ones, and all of the actor's own namespaces."""
        return self.live().filter(visible_through(actor, "namespace", Q(visibility="public")))

    def writable_by(self, actor: Actor) -> "FamilyQuerySet":
        """Those whose namespace the actor may write to."""
        if is_staff(actor):
            return self.live()
        if not actor.is_authenticated:
            return self.none()
        return self.live().filter(namespace_id__in=namespaces_of(actor, roles=WRITE_ROLES))

    def named(self, full_name: str) -> "FamilyQuerySet":
        """The one that ``namespace/name`` stands for, whatever its case and separators."""
        namespace, name = split_full_name(full_name)
        return self.filter(namespace__folded=fold(namespace), folded=fold(name))


class BasisQuerySet(models.QuerySet["Basis", "Basis"]):
    """Bases by who may see them."""

    def visible_to(self, actor: Actor) -> "BasisQuerySet":
        """Those of families that the actor may see, if he may see every revision that they were fitted to.

        A basis carries traces of each of them. What was only projected onto it left none.
        """
        # Looked up by name: the models import this file.
        families = apps.get_model("families", "Family").objects
        fits = apps.get_model("families", "Fit")._default_manager
        seen = self.filter(family__in=families.visible_to(actor).values("pk"))
        if is_staff(actor):
            return seen
        # One that was withdrawn since, where the basis was only flagged, counts as it did before.
        readable_member = readable(actor, "revision") & origins_seen(actor, "revision_id")
        hidden = fits.filter(~readable_member, basis=OuterRef("pk"), is_projected=False)
        return seen.filter(~Exists(hidden))
