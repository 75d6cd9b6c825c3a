"""Keep the search entries in step with the catalog."""

from django.db.models import Sum
from django.utils import timezone

from catalog.adapters.models import Adapter, Revision
from catalog.fits.queries import shape_digest_of
from catalog.search.models import DownloadCount, SearchEntry
from catalog.search.scores import index_scores
from catalog.search.texts import write_words
from catalog.taxonomy.domains import domains_of, main_modality
from catalog.taxonomy.tasks import canonical_task

_MOST_OF_A_CARD = 4000


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
    index_scores(entry)
    write_words(entry, _text(adapter, revision))


def padded(words: list[str]) -> str:
    """``" de fr "``: a word is found by asking for it between blanks, and ``de`` does not find ``del``."""
    return f" {' '.join(words)} " if words else ""


def taxonomy_of(task: str, tags: list[str]) -> dict[str, str]:
    """The columns ``task``, ``domain`` and ``modality``: one id for a task, whatever the uploader calls it."""
    return {
        "task": canonical_task(task)[:80],
        "domain": next(iter(domains_of(task, tags)), ""),
        "modality": main_modality(task),
    }


def _text(adapter: Adapter, revision: Revision) -> str:
    """What words find beside the head."""
    base = revision.base_model
    of_base = [str(base), *base.aliases.values_list("name", flat=True)] if base else []
    said = [adapter.summary, revision.task, *revision.languages, revision.method]
    return " ".join([*said, *of_base, revision.card[:_MOST_OF_A_CARD]])
