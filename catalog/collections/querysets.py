"""Which collections and items somebody may see: no view can forget it."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Q

from catalog.accounts.querysets import WRITE_ROLES, Actor, is_staff, namespaces_of, visible_through
from catalog.names import fold, split_full_name

if TYPE_CHECKING:
    from catalog.collections.models import Collection, CollectionItem  # noqa: F401  (named in the base classes below)


class CollectionQuerySet(models.QuerySet["Collection", "Collection"]):
    """Collections by who may see them."""

    def live(self) -> "CollectionQuerySet":
        """Without tombstones."""
        return self.filter(deleted_at=None, namespace__deleted_at=None)

    def visible_to(self, actor: Actor) -> "CollectionQuerySet":
        """Public ones, and all of the actor's own namespaces."""
        return self.live().filter(visible_through(actor, "namespace", Q(visibility="public")))

    def writable_by(self, actor: Actor) -> "CollectionQuerySet":
        """Those whose namespace the actor may write to."""
        if is_staff(actor):
            return self.live()
        if not actor.is_authenticated:
            return self.none()
        return self.live().filter(namespace_id__in=namespaces_of(actor, roles=WRITE_ROLES))

    def named(self, full_name: str) -> "CollectionQuerySet":
        """The one that ``namespace/name`` stands for, whatever its case and separators."""
        namespace, name = split_full_name(full_name, field="collection")
        return self.filter(namespace__folded=fold(namespace), folded=fold(name))


class CollectionItemQuerySet(models.QuerySet["CollectionItem", "CollectionItem"]):
    """Items by who may see what they stand for: a collection shows nobody what he may not see."""

    def visible_to(self, actor: Actor) -> "CollectionItemQuerySet":
        """Items whose adapter or record the actor may see."""
        # Looked up by name: the models import this file.
        adapters = apps.get_model("adapters", "Adapter")._default_manager.visible_to(actor).values("pk")
        records = apps.get_model("records", "Record")._default_manager.visible_to(actor).values("pk")
        return self.filter(Q(adapter__in=adapters) | Q(record__in=records))
