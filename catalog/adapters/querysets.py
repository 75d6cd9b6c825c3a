"""Which adapters and revisions somebody may see: no view can forget it."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from catalog.access.querysets import granted, origins_seen
from catalog.accounts.querysets import Actor, visible_through
from catalog.names import fold, split_full_name

if TYPE_CHECKING:
    from catalog.adapters.models import Adapter, Blob, Revision  # noqa: F401  (named in the base classes below)

OPEN_STATES = ("published", "yanked")
# What was published and withdrawn is still known, so that asking for it says why it is gone.
KNOWN_STATES = (*OPEN_STATES, "withdrawn")


class AdapterQuerySet(models.QuerySet["Adapter", "Adapter"]):
    """Adapters by who may see them."""

    def live(self) -> "AdapterQuerySet":
        """Without tombstones."""
        return self.filter(deleted_at=None, namespace__deleted_at=None)

    def visible_to(self, actor: Actor) -> "AdapterQuerySet":
        """Those of his own namespaces, and public or granted ones that published something that he may see."""
        # Looked up by name: the models import this file.
        versions = apps.get_model("adapters", "Version")._default_manager
        known = versions.filter(origins_seen(actor, "revision_id"), adapter=OuterRef("pk"), state__in=KNOWN_STATES)
        shown = (Q(visibility="public") | granted(actor, "pk")) & Q(Exists(known))
        return self.live().filter(visible_through(actor, "namespace", shown))

    def named(self, full_name: str) -> "AdapterQuerySet":
        """The one that ``namespace/name`` stands for, whatever its case and separators."""
        namespace, name = split_full_name(full_name)
        return self.filter(namespace__folded=fold(namespace), folded=fold(name))


class BlobQuerySet(models.QuerySet["Blob", "Blob"]):
    """Blobs by what the hub knows of them."""

    def stored(self) -> "BlobQuerySet":
        """Those whose bytes are here and right: the only ones an answer may rely on."""
        return self.filter(state="stored")

    def hashed(self) -> "BlobQuerySet":
        """Those that the hub has hashed at some time, their bytes being right, damaged or on their way again."""
        return self.exclude(git_id="")

    def held(self) -> "BlobQuerySet":
        """Those that some row refers to: a file of a revision, an evaluation set, a basis, and so on."""
        is_held = Q()
        for name in self._referring():
            is_held |= Q(**{f"{name}__isnull": False})
        return self.filter(is_held).distinct()

    def unreferenced(self) -> "BlobQuerySet":
        """Those that no row refers to."""
        return self.filter(**dict.fromkeys(self._referring()))

    def _referring(self) -> list[str]:
        """Asked of the models themselves: a table that comes later is not forgotten."""
        return [relation.name for relation in self.model._meta.related_objects]


class RevisionQuerySet(models.QuerySet["Revision", "Revision"]):
    """Revisions by who may see them."""

    def visible_to(self, actor: Actor) -> "RevisionQuerySet":
        """Published ones of public and granted adapters, and everything in the actor's own namespaces.

        Of what was computed from others, only that of which he may see all it was computed from.
        """
        shared = Q(adapter__visibility="public") | granted(actor, "adapter_id")
        live = self.filter(adapter__deleted_at=None, adapter__namespace__deleted_at=None)
        seen = live.filter(visible_through(actor, "adapter__namespace", Q(state__in=OPEN_STATES) & shared))
        return seen.filter(origins_seen(actor, "pk", is_derived="is_derived"))

    def for_display(self) -> "RevisionQuerySet":
        """With everything that a page or an API answer shows, in a few queries."""
        return self.select_related(
            "adapter__namespace", "author", "base_model", "version", "validation_job"
        ).prefetch_related("files__blob", "reviews__reviewer")
