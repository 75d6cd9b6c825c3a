"""Keep the search entries in step with the catalog."""

from django.db.models import Sum
from django.utils import timezone

from catalog.adapters.models import Adapter, Revision
from catalog.fits.queries import shape_digest_of
from catalog.search.models import LABEL_SIGNS, DownloadCount, SearchEntry, SearchText
from catalog.taxonomy.domains import domains_of, main_modality
from catalog.taxonomy.tasks import canonical_task


def index_adapter(adapter: Adapter) -> None:
    """Write, rewrite or remove the adapter's entry; call it inside the transaction that changes the adapter."""
    version = adapter.default_version
    if version is None or adapter.deleted_at is not None:
        SearchEntry.objects.filter(adapter=adapter).delete()
        return
    revision = Revision.objects.select_related("base_model").get(pk=version.revision_id)
    shown = {
        "revision": revision,
        "namespace": adapter.namespace,
        "base_model": revision.base_model,
        "full_name": adapter.full_name,
        "short_name": adapter.name.casefold(),
        "version": version.name,
        "is_public": adapter.visibility == "public",
        "is_derived": revision.is_derived,
        "summary": adapter.summary,
        "architecture": revision.base_model.model_type if revision.base_model else "",
        "shape_digest": shape_digest_of(revision),
        "method": revision.method,
        "rank": revision.rank,
        **taxonomy_of(revision.task, revision.tags),
        "languages": padded(revision.languages),
        "tags": padded(revision.tags),
        "license": revision.license,
        "size_bytes": revision.size_bytes,
        "published_at": revision.published_at or timezone.now(),
    }
    carried = DownloadCount.objects.filter(adapter=adapter).aggregate(total=Sum("carried"))["total"] or 0
    entry, _ = SearchEntry.objects.update_or_create(
        adapter=adapter, defaults=shown, create_defaults={**shown, "downloads": carried}
    )
    words = {"text": _text(adapter, revision), "labels": labels_of(revision.tags, revision.languages)}
    SearchText.objects.update_or_create(entry=entry, defaults=words)


def padded(words: list[str]) -> str:
    """``" de fr "``: a word is found by asking for it between blanks, and ``de`` does not find ``del``."""
    return f" {' '.join(words)} " if words else ""


def labels_of(tags: list[str], languages: list[str]) -> str:
    """What ``tag:`` and ``lang:`` ask for. Whoever asks for de finds de-CH too."""
    parts = [tag.split("-") for tag in languages]
    sign = LABEL_SIGNS["language"]
    spoken = {sign + "-".join(words[: n + 1]) for words in parts for n in range(len(words))}
    return padded([*(f"{LABEL_SIGNS['tag']}{tag}" for tag in tags), *sorted(spoken)]).casefold()


def taxonomy_of(task: str, tags: list[str]) -> dict[str, str]:
    """The columns ``task``, ``domain`` and ``modality``: one id for a task, whatever the uploader calls it."""
    return {
        "task": canonical_task(task)[:80],
        "domain": next(iter(domains_of(task, tags)), ""),
        "modality": main_modality(task),
    }


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
