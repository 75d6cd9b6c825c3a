"""Check the database against the store, both ways, and the catalog against itself. Safe while the hub works."""

from collections.abc import Iterator

from catalog.retention.checking_bytes import check_blobs, check_digests, check_store
from catalog.retention.checking_evaluations import check_evaluations
from catalog.retention.checking_log import check_log
from catalog.retention.checking_origins import check_origins
from catalog.retention.checking_rows import check_adapters, check_entries, check_files, check_trees
from catalog.retention.checking_staging import check_staging
from catalog.retention.findings import Finding


def fsck(*, is_repairing: bool = False, is_hashing: bool = False) -> Iterator[Finding]:
    """Everything that is wrong, as it is found; with ``is_repairing`` what can be repaired without loss is.

    With ``is_hashing`` every stored byte is read and hashed.

    Raises:
        StorageError: the store does not answer.
    """
    for finding in _findings(is_hashing):
        if is_repairing and finding.repair is not None:
            finding.repair()
            finding.is_repaired = True
        yield finding


def _findings(is_hashing: bool) -> Iterator[Finding]:
    yield from check_store()
    yield from check_blobs()
    if is_hashing:
        yield from check_digests()
    yield from check_staging()
    yield from check_files()
    yield from check_trees()
    yield from check_adapters()
    yield from check_origins()
    yield from check_entries()
    yield from check_evaluations()
    yield from check_log()
