"""The two conditions that grants and origins add to what somebody may see; the querysets of adapters ask them."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from catalog.accounts.querysets import Actor, is_staff, namespaces_of

if TYPE_CHECKING:
    from catalog.access.models import Grant  # noqa: F401  (named in the base class below)

NOBODY = Q(pk__in=[])


class GrantQuerySet(models.QuerySet["Grant", "Grant"]):
    """Grants by whether they still hold, and for whom."""

    def holding(self) -> "GrantQuerySet":
        """Those that have not ended, by the database's clock."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))

    def for_actor(self, actor: Actor) -> "GrantQuerySet":
        """Those that hold for ``actor``, by name or as a member of a namespace."""
        return self.holding().filter(Q(user_id=actor.pk or 0) | Q(namespace_id__in=namespaces_of(actor)))


def granted(actor: Actor, adapter: str) -> Q:
    """The condition "somebody gave ``actor`` leave", for rows that reach their adapter by ``adapter`` (a path)."""
    if not actor.is_authenticated or is_staff(actor):
        return NOBODY
    # Looked up by name: the models import this file.
    grants = apps.get_model("access", "Grant")._default_manager
    return Q(**{f"{adapter}__in": grants.for_actor(actor).values("adapter_id")})


def origins_seen(actor: Actor, revision: str, *, is_derived: str = "") -> Q:
    """The condition "computed from nothing that is hidden from ``actor``".

    ``revision`` is the path to the id of the revision, ``is_derived`` that to the flag which says that it was computed
    from others at all, where the row has one at hand: what was pushed is asked nothing more.
    """
    if is_staff(actor):
        return Q()
    origins = apps.get_model("access", "Origin")._default_manager
    hidden = origins.filter(~_readable(actor), revision=OuterRef(revision))
    return ~Exists(hidden) if not is_derived else Q(**{is_derived: False}) | ~Exists(hidden)


def _readable(actor: Actor) -> Q:
    """Origins whose ancestor ``actor`` may see, or might before it was withdrawn."""
    was_open = Q(ancestor__published_at__isnull=False)
    readable = Q(ancestor__adapter__visibility="public") & was_open
    if not actor.is_authenticated:
        return readable
    own: dict[str, Any] = {"ancestor__adapter__namespace_id__in": namespaces_of(actor)}
    return readable | Q(**own) | (granted(actor, "ancestor__adapter_id") & was_open)
