"""Who may see which namespace."""

from typing import TYPE_CHECKING, Any

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

    def of(self, actor: Actor) -> "NamespaceQuerySet":
        """Those that ``actor`` is a member of."""
        return self.live().filter(memberships__user_id=actor.pk) if actor.is_authenticated else self.none()

    def with_role(self, actor: Actor, roles: tuple[str, ...]) -> "NamespaceQuerySet":
        """Those in which ``actor`` holds one of ``roles``; staff hold every role."""
        if is_staff(actor):
            return self.live()
        if not actor.is_authenticated:
            return self.none()
        return self.live().filter(memberships__user_id=actor.pk, memberships__role__in=roles)


def is_staff(actor: Actor) -> bool:
    """Whether ``actor`` administers the whole hub."""
    return bool(actor.is_authenticated and getattr(actor, "is_staff", False))


def visible_through(actor: Actor, namespace_path: str, public: Q) -> Q:
    """The condition "public, or in one of the actor's namespaces", for rows that reach theirs by ``namespace_path``."""
    if is_staff(actor):
        return Q()
    if not actor.is_authenticated:
        return public
    from catalog.accounts.models import Membership

    mine: Any = Membership.objects.filter(user_id=actor.pk).values("namespace_id")
    return public | Q(**{f"{namespace_path}_id__in": mine})
