"""The labels of an entry: each exact value that filters ask for, as one word of the index."""

from typing import Any

from catalog.search.tokens import label
from catalog.taxonomy.domains import domains_of

# Column of an entry and the label of its value.
_COLUMNS = {
    "base_model_id": "base",
    "architecture": "architecture",
    "method": "method",
    "task": "task",
    "license": "license",
    "namespace_id": "namespace",
    "modality": "modality",
    "rank": "rank",
}


def labels_of(entry: Any) -> list[str]:
    """Labels of a :class:`~catalog.search.models.SearchEntry`, or of what it was in a migration."""
    found = [
        label(name, value) for column, name in _COLUMNS.items() if (value := getattr(entry, column)) not in ("", None)
    ]
    tags = entry.tags.split()
    found += [label("tag", tag) for tag in tags]
    # Whoever asks for one of several fields of work finds it under each.
    found += [label("domain", domain) for domain in domains_of(entry.task, tags)]
    # Whoever asks for de finds de-CH too.
    parts = [language.split("-") for language in entry.languages.split()]
    found += [label("language", "-".join(words[: n + 1])) for words in parts for n in range(len(words))]
    return list(dict.fromkeys(found))
