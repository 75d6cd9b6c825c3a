"""The few words of the query language that the bench uses, until the hub reads them itself."""

from typing import Any

from catalog.search.queries import SearchQuery

_FIELDS = {"base": "base", "method": "method", "lang": "language", "license": "license", "task": "task"}
_FIELDS |= {"tag": "tag", "ns": "namespace"}


def parse(text: str, *, sort: str = "") -> SearchQuery:
    """What ``text`` means; what is not known here does not filter."""
    fields: dict[str, Any] = {"sort": sort or "downloads"}
    words = []
    for word in text.replace('"', "").split():
        name, colon, value = word.partition(":")
        if not colon:
            words.append(word.lstrip("-"))
        elif name in _FIELDS:
            fields[_FIELDS[name]] = value
        elif name == "rank":
            low, _, high = value.partition("..")
            fields |= {"rank_min": int(low), "rank_max": int(high)}
    return SearchQuery(text=" ".join(words), **fields)
