"""The words of an entry, as the index cuts them."""

from typing import Any

from catalog.search.labels import labels_of
from catalog.search.models import SearchEntry, SearchText
from catalog.search.tokens import joined, words_of


def write_words(entry: SearchEntry, text: str) -> None:
    """Write what finds ``entry``: its name, task and tags, then ``text``, and a label for each exact value."""
    shown = {"head": head_of(entry), "text": joined(words_of(text)), "labels": joined(labels_of(entry))}
    SearchText.objects.update_or_create(entry=entry, defaults=shown)


def head_of(entry: Any) -> str:
    """The words that count most, of an entry or of what it was in a migration."""
    return joined(words_of(" ".join([entry.full_name, entry.task, entry.tags])))
