"""Find records: only what somebody may see."""

from django.db.models import QuerySet

from catalog.accounts.querysets import Actor
from catalog.errors import NotFound
from catalog.records.models import Record, RecordVersion
from catalog.records.querysets import RecordQuerySet


def get_record(actor: Actor, full_name: str) -> Record:
    """The record ``source/path``, with its versions. Raises NotFound ``record_not_found``."""
    source, _, path = full_name.partition("/")
    seen = Record.objects.visible_to(actor).prefetch_related("versions")
    found = seen.filter(source=source[:40], path=path[:200]).first()
    if found is None:
        raise NotFound(
            "record_not_found", f"no record {full_name[:200]!r}", field="record", hint="Search with is:elsewhere."
        )
    return found


def find_records(actor: Actor, *, text: str = "", source: str = "", digest: str = "") -> RecordQuerySet:
    """Records by words of their name, by source, and by the SHA-256 or SHA-1 of a file that they offer."""
    found = Record.objects.visible_to(actor)
    for word in text.casefold().split()[:10]:
        found = found.filter(path__icontains=word)
    if source:
        found = found.filter(source=source)
    if digest:
        column = "sha256" if len(digest) == 64 else "sha1"
        found = found.filter(versions__in=_versions(column, digest.lower()))
    return found


def _versions(column: str, digest: str) -> QuerySet[RecordVersion]:
    return RecordVersion.objects.filter(**{column: digest})
