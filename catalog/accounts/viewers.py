"""Kinds of viewers: what somebody may see is asked with the same SQL for everybody of a kind, with another id."""

from django.contrib.auth.models import AnonymousUser

from catalog.accounts.models import User
from catalog.accounts.querysets import Actor, is_staff
from catalog.compiled import StandIns

ANYBODY, MEMBER, STAFF = "anybody", "member", "staff"


def kind_of(actor: Actor) -> str:
    """Whether ``actor`` sees everything, his namespaces too, or what everybody sees."""
    if is_staff(actor):
        return STAFF
    return MEMBER if actor.is_authenticated else ANYBODY


def viewer_like(kind: str, stand_ins: StandIns) -> Actor:
    """Somebody of that kind for a query that is compiled; a member's id is the value ``viewer``."""
    if kind == ANYBODY:
        return AnonymousUser()
    return User(is_staff=True) if kind == STAFF else User(pk=stand_ins.number("viewer"))
