"""Keep the search entries of catalogue records: they are found like adapters, and marked as elsewhere."""

from django.db.models import Q

from catalog.bases.models import BaseModel
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


def index_records_naming(base: BaseModel) -> int:
    """Give the records whose claim names ``base``, by its id, an alias or its last part, the base model that it means.

    Call it inside the transaction that registers a base model or an alias. Returns how many entries changed: what a
    short name meant before may be of two models now, and then it means none.
    """
    names = {base.folded, base.folded.rpartition("/")[2], *base.aliases.values_list("folded", flat=True)}
    claimed = Q()
    for name in names:
        claimed |= Q(base_name__iexact=name) | Q(base_name__istartswith=f"{name}@")
    records = Record.objects.filter(claimed, withdrawn_at=None)
    changed = 0
    for said in records.order_by("base_name").values_list("base_name", flat=True).distinct():
        meant = find_base(said)
        entries = SearchEntry.objects.filter(record__base_name=said).exclude(base_model=meant)
        for record in Record.objects.filter(withdrawn_at=None, pk__in=entries.values("record")):
            index_record(record)
            changed += 1
    return changed


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
