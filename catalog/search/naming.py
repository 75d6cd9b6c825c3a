"""Names that a form asks for, as somebody types them: adapters with their versions, evaluation sets."""

from collections.abc import Iterator
from itertools import islice

from catalog.accounts.querysets import Actor
from catalog.adapters.queries import get_adapter, offered_versions
from catalog.errors import DomainError
from catalog.names import split_reference
from catalog.search.names_like import adapters_like, namespaces_like, sets_like
from catalog.search.suggesting import ADAPTER, MOST, Suggestion

SET, VERSION, NAMESPACE = "set", "version", "namespace"


def adapter_names(text: str, viewer: Actor) -> list[Suggestion]:
    """Adapters, then versions of the one that is named, highest first. Only what ``viewer`` may see.

    What begins no name of an adapter may begin that of a namespace, which is then put in with its slash.
    """
    text = text.strip()
    if not text:
        return []
    found = list(islice(_versions(text, viewer), MOST))
    if "@" not in text:
        names = [row for row in adapters_like(text, viewer, MOST) if row[0].casefold() != text.casefold()]
        found += [_put(ADAPTER, name, says) for name, says, _ in names]
    if "/" not in text and len(found) < MOST:
        found += [_put(NAMESPACE, f"{name}/", says) for name, says in namespaces_like(text, viewer, 3)]
    return found[:MOST]


def set_names(text: str, viewer: Actor) -> list[Suggestion]:
    """Evaluation sets that ``viewer`` may see, by the beginning of either part of their names."""
    text = text.strip()
    rows = sets_like(text, viewer, MOST) if text else []
    return [_put(SET, name, says) for name, says in rows if name.casefold() != text.casefold()]


def _versions(text: str, viewer: Actor) -> Iterator[Suggestion]:
    name, begun = split_reference(text)
    try:
        adapter = get_adapter(viewer, name)
    except DomainError:  # not a whole name yet
        return
    for version in offered_versions(viewer, adapter):
        full_name = f"{adapter.full_name}@{version}"
        if version.startswith(begun) and full_name.casefold() != text.casefold():
            yield _put(VERSION, full_name)


def _put(kind: str, name: str, says: str = "") -> Suggestion:
    return Suggestion(kind, name, says, name, len(name))
