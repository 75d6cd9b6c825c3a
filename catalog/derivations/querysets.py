"""Which derivations somebody may see: no view can forget it."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from catalog.access.querysets import readable
from catalog.accounts.querysets import Actor, is_staff, visible_through

if TYPE_CHECKING:
    from catalog.derivations.models import Derivation  # noqa: F401  (named in the base class below)


class DerivationQuerySet(models.QuerySet["Derivation", "Derivation"]):
    """Derivations by who may see them."""

    def visible_to(self, actor: Actor) -> "DerivationQuerySet":
        """Those whose revision the actor may see; while there is none, those of the actor's own namespaces.

        Nothing is told of one that names a parent which is hidden from him.
        """
        # Looked up by name: the models import this file.
        revisions = apps.get_model("adapters", "Revision")._default_manager
        made = Q(revision__in=revisions.visible_to(actor).values("pk"))
        unmade = Q(revision=None, target__deleted_at=None) & visible_through(actor, "target__namespace", Q(pk=None))
        if not is_staff(actor):
            parents = apps.get_model("derivations", "Parent")._default_manager
            unmade &= Q(~Exists(parents.filter(~readable(actor, "revision"), derivation=OuterRef("pk"))))
        return self.filter(made | unmade)

    def for_display(self) -> "DerivationQuerySet":
        """With everything that a page or an answer shows."""
        related = ("target__namespace", "revision__adapter__namespace", "revision__version", "requested_by", "job")
        return self.select_related(*related).prefetch_related("parents")
