"""Revisions give up their bytes: what each file was stays, as a manifest; the bytes are left to garbage collection."""

from collections import defaultdict
from typing import Any

from django.db import transaction

from catalog.adapters.models import File, Revision
from catalog.adapters.querysets import RevisionQuerySet

_BATCH = 200


def release_files(revisions: RevisionQuerySet) -> int:
    """Replace the files of ``revisions`` by manifests of path, digest and size in bytes. Returns how many revisions.

    Revisions that gave up their bytes before are left alone. Each batch is a transaction of its own, unless the caller
    has one open.
    """
    released = 0
    while batch := _release_batch(revisions):
        released += batch
    return released


@transaction.atomic
def _release_batch(revisions: RevisionQuerySet) -> int:
    holding = revisions.filter(manifest__isnull=True).order_by("pk")
    ids = list(holding.values_list("pk", flat=True)[:_BATCH])
    # What somebody else holds comes at the next run: waiting for several locks would be a deadlock.
    rows = list(Revision.objects.select_for_update(skip_locked=True).filter(pk__in=ids))
    manifests: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ("revision_id", "path", "blob_id", "blob__size_bytes")
    for revision_id, path, sha256, size in File.objects.filter(revision__in=rows).values_list(*columns):
        manifests[revision_id].append({"path": path, "sha256": sha256, "size_bytes": size})
    for row in rows:
        if row.manifest is None:
            row.manifest = manifests[row.pk]
    Revision.objects.bulk_update(rows, ["manifest"])
    File.objects.filter(revision__in=rows).delete()
    return len(rows)
