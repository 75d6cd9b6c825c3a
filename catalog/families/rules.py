"""Members by rule: adapters of the base model with a method, task, language or tag. Nothing is written here."""

import re
from typing import Any

from catalog.adapters.models import Adapter
from catalog.adapters.querysets import AdapterQuerySet
from catalog.errors import InvalidInput
from catalog.families.models import Family
from catalog.search.models import SearchEntry
from catalog.search.tokens import label
from catalog.taxonomy.tasks import canonical_task

NAMES = ("method", "task", "language", "tag", "name")
_WORD = re.compile(r"[\w.+:/-]{1,80}")


def read_rule(given: dict[str, Any]) -> dict[str, str]:
    """The rule without empty parts; ``name`` is the beginning of an adapter's name.

    Raises InvalidInput (``unknown_field``, or no word).
    """
    for name in given:
        if name not in NAMES:
            raise InvalidInput("unknown_field", f"no rule {name[:80]!r}", field="rule", hint=", ".join(NAMES))
    found = {name: given[name] for name in NAMES if given.get(name)}
    for name, value in found.items():
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            raise InvalidInput(detail=f"{name} is {value!r:.80}; it must be one word", field="rule")
    return found


def chosen_by_rule(family: Family) -> AdapterQuerySet:
    """Adapters of the family's own namespace that its rule chooses; none where it has no rule."""
    if not family.rule:
        return Adapter.objects.none()
    entries = SearchEntry.objects.filter(namespace=family.namespace, base_model=family.base_model)
    rule = family.rule
    if "method" in rule:
        entries = entries.filter(method=rule["method"])
    if "task" in rule:
        entries = entries.filter(task=canonical_task(rule["task"]))
    if "name" in rule:
        entries = entries.filter(adapter__name__istartswith=rule["name"])
    for name in ("tag", "language"):
        if name in rule:
            entries = entries.filter(words__labels__contains=f" {label(name, rule[name])} ")
    return Adapter.objects.live().filter(pk__in=entries.values("adapter_id"))
