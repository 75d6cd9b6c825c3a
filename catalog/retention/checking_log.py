"""The append-only log of publications against the versions: nothing published ever moves or goes away."""

from collections.abc import Iterator
from functools import partial

from catalog.adapters.models import Publication, Version
from catalog.retention.batches import in_batches
from catalog.retention.findings import Finding


def check_log() -> Iterator[Finding]:
    """``version_lost``, ``version_moved``, ``publication_unlogged``."""
    for lines in in_batches(Publication.objects.all()):
        versions = _versions_of(lines)
        for line in lines:
            version, name = versions.get((line.full_name, line.version)), f"{line.full_name}@{line.version}"
            if version is None or version.state == "reserved":
                yield Finding("version_lost", name, f"published at {line.published_at:%F %T} and no longer there")
            elif version.revision.commit_id != line.commit_id:
                detail = f"published as commit {line.commit_id}, now {version.revision.commit_id}"
                yield Finding("version_moved", name, detail)
    published = Version.objects.exclude(published_at=None).select_related("adapter__namespace", "revision")
    for batch in in_batches(published):
        names = {version.adapter.full_name for version in batch}
        logged = set(Publication.objects.filter(full_name__in=names).values_list("full_name", "version"))
        for version in batch:
            if (version.adapter.full_name, version.name) not in logged:
                repair = partial(_log, version)
                yield Finding("publication_unlogged", str(version), "published, and the log does not say so", repair)


def _versions_of(lines: list[Publication]) -> dict[tuple[str, str], Version]:
    """The versions that these lines may mean, by adapter and name."""
    adapters = {line.full_name.partition("/")[2] for line in lines}
    rows = Version.objects.filter(adapter__name__in=adapters, name__in={line.version for line in lines})
    return {(row.adapter.full_name, row.name): row for row in rows.select_related("adapter__namespace", "revision")}


def _log(version: Version) -> None:
    Publication.objects.create(
        full_name=version.adapter.full_name,
        version=version.name,
        commit_id=version.revision.commit_id,
        published_at=version.published_at or version.revision.created_at,
    )
