"""Keep the search entries in step with the catalog, and count downloads."""

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from catalog.adapters.models import Adapter, Revision
from catalog.search.models import DownloadCount, SearchEntry


def index_adapter(adapter: Adapter) -> None:
    """Write, rewrite or remove the adapter's entry; call it inside the transaction that changes the adapter."""
    version = adapter.default_version
    if version is None or adapter.deleted_at is not None:
        SearchEntry.objects.filter(adapter=adapter).delete()
        return
    revision = Revision.objects.select_related("base_model").get(pk=version.revision_id)
    SearchEntry.objects.update_or_create(
        adapter=adapter,
        defaults={
            "revision": revision,
            "namespace": adapter.namespace,
            "base_model": revision.base_model,
            "full_name": adapter.full_name,
            "version": version.name,
            "is_public": adapter.visibility == "public",
            "summary": adapter.summary,
            "method": revision.method,
            "rank": revision.rank,
            "task": revision.task,
            "languages": _padded(revision.languages),
            "tags": _padded(revision.tags),
            "license": revision.license,
            "size_bytes": revision.size_bytes,
            "published_at": revision.published_at or timezone.now(),
            "text": _text(adapter, revision),
        },
    )


@transaction.atomic
def count_download(adapter: Adapter) -> None:
    """Count one download today."""
    row, _ = DownloadCount.objects.get_or_create(adapter=adapter, day=timezone.now().date())
    DownloadCount.objects.filter(pk=row.pk).update(count=F("count") + 1)


def refresh_download_totals() -> int:
    """Carry today's counts into the entries that listings sort by. Returns how many adapters changed."""
    today = timezone.now().date()
    changed = 0
    for adapter_id in DownloadCount.objects.filter(day=today).values_list("adapter_id", flat=True):
        total = DownloadCount.objects.filter(adapter_id=adapter_id).aggregate(total=Sum("count"))["total"] or 0
        changed += SearchEntry.objects.filter(adapter_id=adapter_id).exclude(downloads=total).update(downloads=total)
    return changed


def _padded(words: list[str]) -> str:
    """``" de fr "``: a word is found by asking for it between blanks, and ``de`` does not find ``del``."""
    return f" {' '.join(words)} " if words else ""


def _text(adapter: Adapter, revision: Revision) -> str:
    base = str(revision.base_model) if revision.base_model else ""
    parts = [
        adapter.full_name,
        adapter.summary,
        revision.task,
        *revision.tags,
        *revision.languages,
        revision.method,
        base,
    ]
    return " ".join([*parts, revision.card[:4000]]).casefold()
