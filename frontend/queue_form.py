"""The queue's filter in an address: read from it, written into it, and what a page offers to choose."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from catalog.reviews.queue import MOST_COUNTED, Counts, QueueFilter

FIELDS = ("show", "namespace", "priority", "kind", "sort")
_SHOWS = {
    "waiting": gettext_lazy("To decide"),
    "mine": gettext_lazy("Given to you"),
    "free": gettext_lazy("Given to nobody"),
    "returned": gettext_lazy("Waiting for the author"),
    "own": gettext_lazy("Your own pushes"),
}
_KINDS = {
    "first": gettext_lazy("First versions"),
    "update": gettext_lazy("New versions"),
    "again": gettext_lazy("Pushed again"),
    "warnings": gettext_lazy("With warnings"),
    "disagreements": gettext_lazy("With disagreements"),
}
PRIORITIES = [
    ("urgent", gettext_lazy("Urgent")),
    ("high", gettext_lazy("High")),
    ("normal", gettext_lazy("Normal")),
    ("low", gettext_lazy("Low")),
]
_SORTS = {
    "priority": gettext_lazy("Priority, then age"),
    "oldest": gettext_lazy("Oldest first"),
    "newest": gettext_lazy("Newest first"),
}


def read_filter(given: QueryDict) -> QueueFilter:
    """The filter of an address. Raises InvalidInput for a word that means nothing."""
    return QueueFilter(**{name: str(given[name]) for name in FIELDS if given.get(name)})


def address(path: str, wanted: QueueFilter, **more: str) -> str:
    """``path`` with the filter."""
    query = {**wanted.as_query(), **more}
    return f"{path}?{urlencode(query)}" if query else path


def _number(count: int) -> str:
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count)


def form_context(path: str, wanted: QueueFilter, counts: Counts, namespaces: list[str]) -> dict[str, Any]:
    """Tabs with their counts, and what each select offers."""
    return {
        "wanted": wanted,
        "query": urlencode(wanted.as_query()),
        "tabs": [
            (
                title,
                address(path, replace(wanted, show=show)),
                _number(counts.by_show.get(show, 0)),
                show == wanted.show,
            )
            for show, title in _SHOWS.items()
        ],
        "selects": [
            ("namespace", gettext("Namespace"), [("", gettext("All")), *((name, name) for name in namespaces)]),
            ("kind", gettext("Kind"), [("", gettext("All")), *_KINDS.items()]),
            ("priority", gettext("Priority"), [("", gettext("All")), *PRIORITIES]),
            ("sort", gettext("Order"), list(_SORTS.items())),
        ],
        "priorities": PRIORITIES,
        "is_narrowed": bool(wanted.namespace or wanted.kind or wanted.priority),
    }
