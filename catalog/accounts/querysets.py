"""Who may see which namespace."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q

from catalog.names import fold

if TYPE_CHECKING:
    from catalog.accounts.models import Namespace  # noqa: F401  (named in the base class below)

Actor = AbstractBaseUser | AnonymousUser

WRITE_ROLES = ("owner", "reviewer", "writer")
REVIEW_ROLES = ("owner", "reviewer")


class NamespaceQuerySet(models.QuerySet["Namespace", "Namespace"]):
    """Namespaces that still live; tombstones are only for the uniqueness of names."""

    def live(self) -> "NamespaceQuerySet":
        """Without tombstones."""
        return self.filter(deleted_at=None)

    def named(self, name: str) -> "NamespaceQuerySet":
        """The live one that ``name`` stands for, whatever its case and separators."""
        return self.live().filter(folded=fold(name))


def is_staff(actor: Actor) -> bool:
    """Whether ``actor`` administers the whole hub."""
    return bool(actor.is_authenticated and getattr(actor, "is_staff", False))


def visible_through(actor: Actor, namespace_path: str, public: Q) -> Q:
    """The condition "public, or in one of the actor's namespaces", for rows that reach theirs by ``namespace_path``."""
    if is_staff(actor):
        return Q()
    if not actor.is_authenticated:
        return public
    return public | Q(**{f"{namespace_path}_id__in": namespaces_of(actor)})


def namespaces_of(actor: Actor, *, roles: tuple[str, ...] = ()) -> models.QuerySet[Any, Any]:
    """Ids of the namespaces in which ``actor`` is a member (with one of ``roles``, if any), as a subquery."""
    # Looked up by name: the models import this file.
    memberships = apps.get_model("accounts", "Membership")._default_manager.filter(user_id=actor.pk or 0)
    return (memberships.filter(role__in=roles) if roles else memberships).values("namespace_id")
