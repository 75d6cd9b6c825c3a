"""The catalog against itself: files, trees, versions, branches, and the entries that listings read."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import cast

from django.db.models import Exists, F, OuterRef, Q, Sum

from catalog.adapters.git_objects import tree_id
from catalog.adapters.models import Adapter, Blob, File, Ref, Revision, Version
from catalog.adapters.querysets import OPEN_STATES
from catalog.retention.batches import each, in_batches
from catalog.retention.findings import Finding
from catalog.search.models import DownloadCount, SearchEntry
from catalog.search.services import index_adapter

_LIVE = Q(adapter__deleted_at=None)


def check_files() -> Iterator[Finding]:
    """``file_without_blob``, ``version_without_files``."""
    homeless = File.objects.filter(~Exists(Blob.objects.filter(pk=OuterRef("blob_id"))))
    for file in each(homeless):
        yield Finding("file_without_blob", f"{file.revision}/{file.path}", f"no row for blob {file.blob_id}")
    empty = Version.objects.filter(_LIVE, state__in=OPEN_STATES).filter(
        Q(revision__manifest__isnull=False) | ~Exists(File.objects.filter(revision=OuterRef("revision_id")))
    )
    for version in each(empty.select_related("adapter__namespace")):
        yield Finding("version_without_files", str(version), f"{version.state}, and its files are gone")


def check_trees() -> Iterator[Finding]:
    """``tree_differs``: the files of a published revision are not those of its commit."""
    offered = Revision.objects.filter(_LIVE, state__in=OPEN_STATES, manifest__isnull=True)
    for batch in in_batches(offered):
        files: dict[int, list[tuple[str, str]]] = defaultdict(list)
        columns = ("revision_id", "path", "blob__git_id")
        for revision_id, path, git_id in File.objects.filter(revision__in=batch).values_list(*columns):
            files[revision_id].append((path, git_id))
        for revision in batch:
            found = tree_id(files[revision.pk]) if all(git_id for _, git_id in files[revision.pk]) else ""
            if files[revision.pk] and found != revision.tree_id:
                yield Finding("tree_differs", str(revision), f"its files make tree {found}, its commit has another")


def check_adapters() -> Iterator[Finding]:
    """``version_astray``, ``version_state``, ``ref_astray``, ``default_version``."""
    versions = Version.objects.select_related("adapter__namespace", "revision")
    for version in each(versions.exclude(revision__adapter=F("adapter"))):
        yield Finding("version_astray", str(version), "its revision belongs to another adapter")
    settled = versions.filter(state__in=("published", "yanked", "withdrawn"))
    for version in each(settled.exclude(revision__state=F("state"))):
        yield Finding("version_state", str(version), f"the version is {version.state}, its revision otherwise")
    refs = Ref.objects.select_related("adapter__namespace").filter(_LIVE)
    for ref in each(refs.exclude(revision__adapter=F("adapter")) | refs.exclude(revision__state__in=OPEN_STATES)):
        yield Finding("ref_astray", f"{ref.adapter} {ref.name}", "it names a revision that is not offered here")
    adapters = Adapter.objects.select_related("namespace").exclude(default_version=None)
    wrong = adapters.exclude(default_version__state="published") | adapters.exclude(default_version__adapter=F("pk"))
    for adapter in each(wrong.filter(deleted_at=None)):
        yield Finding("default_version", str(adapter), "its default version is not one that it offers")


def check_entries() -> Iterator[Finding]:
    """``entry_differs``, ``entry_missing``, ``entry_left``: what listings read is not what is published."""
    related = ("adapter__namespace", "adapter__default_version__revision")
    # Records of other catalogues have an entry too, and no adapter.
    entries = SearchEntry.objects.filter(adapter__isnull=False)
    for batch in in_batches(entries.select_related(*related)):
        for entry in batch:
            adapter = cast(Adapter, entry.adapter)
            best = adapter.default_version
            repair = partial(_index_again, adapter.pk)
            if adapter.deleted_at is not None or best is None:
                yield Finding("entry_left", str(adapter), "it offers nothing, and listings show it", repair)
            elif (entry.version, entry.revision_id, entry.is_public, entry.is_derived, entry.full_name) != (
                best.name,
                best.revision_id,
                adapter.visibility == "public",
                best.revision.is_derived,
                adapter.full_name,
            ):
                yield Finding("entry_differs", str(adapter), f"listings show {entry.version}, not {best.name}", repair)
    # Published by the release before, while this one's tables were there already.
    for entry in each(entries.filter(Q(words=None) | Q(words__head="")).select_related("adapter__namespace")):
        repair = partial(_index_again, cast(int, entry.adapter_id))
        yield Finding("entry_differs", str(entry.adapter), "no word finds it", repair)
    unseen = Adapter.objects.filter(deleted_at=None, entry=None).exclude(default_version=None)
    for adapter in each(unseen.select_related("namespace")):
        repair = partial(_index_again, adapter.pk)
        yield Finding("entry_missing", str(adapter), "it offers a version, and listings do not show it", repair)


def _index_again(adapter_id: int) -> None:
    index_adapter(Adapter.objects.select_related("namespace", "default_version").get(pk=adapter_id))
    total = DownloadCount.objects.filter(adapter_id=adapter_id).aggregate(total=Sum("count"))["total"] or 0
    SearchEntry.objects.filter(adapter_id=adapter_id).update(downloads=total)
