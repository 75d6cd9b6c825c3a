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


def readable(actor: Actor, revision: str) -> Q:
    """The condition "``actor`` may see this revision, or might before it was withdrawn", whatever it was made of.

    ``revision`` is the path to it. Withdrawn and deleted ones count: what was derived from them is judged by it.
    """
    if is_staff(actor):
        return Q()
    was_open = Q(**{f"{revision}__published_at__isnull": False})
    public = Q(**{f"{revision}__adapter__visibility": "public"}) & was_open
    if not actor.is_authenticated:
        return public
    own: dict[str, Any] = {f"{revision}__adapter__namespace_id__in": namespaces_of(actor)}
    return public | Q(**own) | (granted(actor, f"{revision}__adapter_id") & was_open)


def origins_seen(actor: Actor, revision: str, *, is_derived: str = "") -> Q:
    """The condition "computed from nothing that is hidden from ``actor``".

    ``revision`` is the path to the id of the revision, ``is_derived`` that to the flag which says that it was computed
    from others at all, where the row has one at hand: what was pushed is asked nothing more.
    """
    if is_staff(actor):
        return Q()
    # Looked up by name: the models import this file.
    origins = apps.get_model("access", "Origin")._default_manager
    hidden = origins.filter(~readable(actor, "ancestor"), revision=OuterRef(revision))
    seen = Q(~Exists(hidden))
    return Q(**{is_derived: False}) | seen if is_derived else seen
