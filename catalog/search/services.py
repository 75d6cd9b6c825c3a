"""Keep the search entries in step with the catalog."""

from django.db.models import Sum
from django.utils import timezone

from catalog.adapters.models import Adapter, Revision
from catalog.fits.queries import shape_digest_of
from catalog.search.models import LABEL_SIGNS, DownloadCount, SearchEntry, SearchText


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
        "task": revision.task,
        "languages": _padded(revision.languages),
        "tags": _padded(revision.tags),
        "license": revision.license,
        "size_bytes": revision.size_bytes,
        "published_at": revision.published_at or timezone.now(),
    }
    carried = DownloadCount.objects.filter(adapter=adapter).aggregate(total=Sum("carried"))["total"] or 0
    entry, _ = SearchEntry.objects.update_or_create(
        adapter=adapter, defaults=shown, create_defaults={**shown, "downloads": carried}
    )
    words = {"text": _text(adapter, revision), "labels": _labels(revision)}
    SearchText.objects.update_or_create(entry=entry, defaults=words)


def _padded(words: list[str]) -> str:
    """``" de fr "``: a word is found by asking for it between blanks, and ``de`` does not find ``del``."""
    return f" {' '.join(words)} " if words else ""


def _labels(revision: Revision) -> str:
    tags = [f"{LABEL_SIGNS['tag']}{tag}" for tag in revision.tags]
    # Whoever asks for de finds de-CH too.
    parts = [tag.split("-") for tag in revision.languages]
    sign = LABEL_SIGNS["language"]
    languages = {sign + "-".join(words[: n + 1]) for words in parts for n in range(len(words))}
    return _padded([*tags, *sorted(languages)]).casefold()


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
