"""How the review pages write lengths of time, priorities and what was said."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, ngettext

from catalog.accounts.models import Role
from catalog.reviews.models import Priority

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SAID = {
    "pushed": gettext_lazy("pushed"),
    "commented": gettext_lazy("wrote"),
    "approve": gettext_lazy("approved"),
    "reject": gettext_lazy("rejected"),
    "ask_changes": gettext_lazy("asked for changes"),
}
_PRIORITIES = {
    Priority.URGENT: gettext_lazy("urgent"),
    Priority.HIGH: gettext_lazy("high"),
    Priority.NORMAL: gettext_lazy("normal"),
    Priority.LOW: gettext_lazy("low"),
}
_ROLES = {
    Role.OWNER: gettext_lazy("every owner"),
    Role.REVIEWER: gettext_lazy("every owner and reviewer"),
    Role.WRITER: gettext_lazy("every owner, reviewer and writer"),
}


@register.filter
def lasted(seconds: float | None) -> str:
    """A length of time in one unit: ``40 min``, ``5.2 h``, ``3 days``."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE:
        return gettext("< 1 min")
    if seconds < _HOUR:
        return gettext("%(number)d min") % {"number": seconds // _MINUTE}
    if seconds < 2 * _DAY:
        return gettext("%(number).1f h") % {"number": seconds / _HOUR}
    days = round(seconds / _DAY)
    return ngettext("%(number)d day", "%(number)d days", days) % {"number": days}


@register.filter
def waits(entered_at: datetime | None) -> str:
    """How long something has waited."""
    return lasted((timezone.now() - entered_at).total_seconds()) if entered_at else "–"


@register.filter
def verb(what: str) -> str:
    """What a line of a thread says that somebody did."""
    return str(_SAID.get(what, what))


@register.filter
def priority_name(priority: int) -> str:
    """``urgent`` to ``low``."""
    return str(_PRIORITIES[Priority(priority)])


@register.filter
def role_and_above(role: str) -> str:
    """Everybody whom a waiver for ``role`` covers."""
    return str(_ROLES[Role(role)])


@register.filter
def said(what: str) -> str:
    """``ask_changes`` as ``ask changes``: a word of the log as people read it."""
    return what.replace("_", " ")


@register.filter
def attribute(thing: object, name: str) -> object:
    """A field by its name."""
    return getattr(thing, name)
