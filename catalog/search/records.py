"""Keep the search entries of catalogue records: they are found like adapters, and marked as elsewhere."""

from catalog.bases.queries import find_base
from catalog.records.models import Record
from catalog.search.models import SearchEntry
from catalog.search.services import padded, taxonomy_of
from catalog.search.texts import write_words


def index_record(record: Record) -> None:
    """Write, rewrite or remove the record's entry; call it inside the transaction that changes the record.

    Its base model is one of this hub where the claimed name is one's; nothing about it was checked.
    """
    if record.withdrawn_at is not None:
        SearchEntry.objects.filter(record=record).delete()
        return
    base = find_base(record.base_name) if record.base_name else None
    shown = {
        "base_model": base,
        "full_name": record.full_name,
        "short_name": record.title.casefold()[:200],
        "version": record.default_version[:64],
        "is_public": True,
        "summary": record.summary,
        "architecture": record.architecture,
        "method": record.method,
        **taxonomy_of(record.task, record.tags),
        "languages": padded(record.languages),
        "tags": padded(record.tags),
        "license": record.license,
        "size_bytes": 0,
        "published_at": record.imported_at,
    }
    entry, _ = SearchEntry.objects.update_or_create(record=record, defaults=shown)
    write_words(entry, _text(record))


def _text(record: Record) -> str:
    said = record.claims
    parts = [
        record.title,
        record.summary,
        record.author,
        record.base_name,
        record.method,
        str(said.get("method", "")),
        record.task,
        str(said.get("task", "")),
        *record.tags,
        *record.languages,
        record.license,
        record.description[:4000],
    ]
    return " ".join(parts)
