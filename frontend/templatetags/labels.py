"""What the taxonomy calls a task, a language, a method, a licence; an id that it does not know stays as it is."""

from collections.abc import Callable

from django import template
from django.utils.translation import gettext_lazy as _

from catalog.taxonomy.languages import language_name as _language_name
from catalog.taxonomy.licenses import license_label as _license_label
from catalog.taxonomy.methods import method_label as _method_label
from catalog.taxonomy.tasks import find_task
from frontend.bands import gain_band, size_band

register = template.Library()

# The states of a revision, as pages say them; CSS and the API keep the plain word.
_STATES = {
    "validating": _("validating"),
    "invalid": _("invalid"),
    "pending": _("pending"),
    "rejected": _("rejected"),
    "published": _("published"),
    "yanked": _("yanked"),
    "withdrawn": _("withdrawn"),
}


@register.filter
def task_label(task: str) -> str:
    """``token-classification`` as ``Token classification``."""
    found = find_task(str(task))
    return found.label if found else str(task)


@register.filter
def task_about(task: str) -> str:
    """What the task is, in a sentence; empty where the taxonomy does not know it."""
    found = find_task(str(task))
    return found.about if found else ""


@register.filter
def language_label(tag: str) -> str:
    """``de-CH`` as ``German (Switzerland)``."""
    return _language_name(str(tag))


@register.filter
def language_labels(tags: str | list[str]) -> str:
    """``" de fr "`` or a list as ``German, French``; of many the first three and how many more."""
    each = tags.split() if isinstance(tags, str) else list(tags or [])
    shown = ", ".join(_language_name(tag) for tag in each[:3])
    return f"{shown} +{len(each) - 3}" if len(each) > 3 else shown


@register.filter
def method_label(method: str) -> str:
    """``lora`` as ``LoRA``."""
    return _method_label(str(method))


@register.filter
def license_label(expression: str) -> str:
    """``LicenseRef-Llama-3.1`` as ``Llama 3.1``."""
    return _license_label(str(expression))


@register.filter
def state_label(state: str) -> str:
    """A state in the reader's language."""
    return str(_STATES.get(state, state))


# By the name of a facet or filter.
LABELS: dict[str, Callable[[str], str]] = {
    "task": task_label,
    "language": language_label,
    "method": method_label,
    "license": license_label,
    "size": size_band,
    "gain": gain_band,
}


@register.filter
def label(value: str, kind: str) -> str:
    """The label of a filter's value, or of several between commas."""
    return ", ".join(LABELS.get(kind, str)(one) for one in str(value).split(", "))
