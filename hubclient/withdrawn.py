"""What the hub has taken back is not used from a cache: its digests are asked about, and its bytes deleted here."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cache import BlobCache, sha256_of
from .errors import WithdrawnError

if TYPE_CHECKING:
    from .caller import Caller

_MOST_AT_ONCE = 1000


def ask_about(hub: Caller, digests: Iterable[str]) -> list[dict[str, Any]]:
    """Those of the digests that nobody should use any more: `sha256`, `name`, `path`, `reason`, `is_removed`."""
    wanted, found = sorted(set(digests)), list[dict[str, Any]]()
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        body = {"sha256": wanted[start : start + _MOST_AT_ONCE]}
        found += hub.call("POST", "/withdrawn-digests", json=body, is_repeatable=True)["withdrawn"]
    return found


def check_cache(hub: Caller, cache_folder: Path, *, is_kept: bool = False) -> list[dict[str, Any]]:
    """What in the cache was withdrawn; it is deleted there, unless `is_kept`."""
    found = ask_about(hub, (path.name for path in _blobs(cache_folder)))
    if not is_kept:
        forget(cache_folder, (line["sha256"] for line in found))
    return found


def check_folder(hub: Caller, folder: Path) -> list[dict[str, Any]]:
    """What in a folder was withdrawn, with the `file` that holds it. Nothing is deleted: the folder is its owner's."""
    digests = {sha256_of(path): path for path in _files(folder)}
    return [line | {"file": str(digests[line["sha256"]])} for line in ask_about(hub, digests)]


def forget(cache_folder: Path, digests: Iterable[str]) -> int:
    """Delete these digests from the cache, and every pulled folder in it that holds one. Returns how many blobs."""
    cache, gone = BlobCache(cache_folder), set(digests)
    deleted = 0
    for sha256 in gone:
        path = cache.blob_path(sha256)
        path.with_suffix(".partial").unlink(missing_ok=True)
        if path.is_file():
            path.unlink()
            deleted += 1
    for folder in _pulled(cache_folder) if gone else ():
        if _holds(folder, gone):
            shutil.rmtree(folder, ignore_errors=True)
    return deleted


@contextmanager
def forgetting(cache_folder: Path) -> Iterator[None]:
    """What is found withdrawn inside the `with` block is forgotten by the cache before its error goes on."""
    try:
        yield
    except WithdrawnError as error:
        raise _refused(error, cache_folder) from None


def _refused(error: WithdrawnError, cache_folder: Path) -> WithdrawnError:
    """The same error, once the cache has forgotten what it is about."""
    deleted = forget(cache_folder, error.digests)
    if deleted:
        error.detail += f" {deleted} cached {'file was' if deleted == 1 else 'files were'} deleted here."
    return error


def _blobs(cache_folder: Path) -> Iterator[Path]:
    return (path for path in (cache_folder / "blobs" / "sha256").glob("*/*") if len(path.name) == 64)


def _pulled(cache_folder: Path) -> list[Path]:
    """Folders of adapters in the cache: `adapters/ns/name/commit`, and `compressed/ns/name/...`."""
    return [
        path for kind in ("adapters", "compressed") for path in (cache_folder / kind).glob("*/*/*") if path.is_dir()
    ]


def _holds(folder: Path, gone: set[str]) -> bool:
    """Whether a file is one of them, or was made of one, as the receipt of a compressed pull tells."""
    from .compressed_plan import RECEIPT_NAME

    receipt = folder / RECEIPT_NAME
    told = receipt.read_text(encoding="utf-8", errors="replace") if receipt.is_file() else ""
    return any(sha256 in told for sha256 in gone) or any(sha256_of(path) in gone for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
