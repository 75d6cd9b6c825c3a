"""A disk that fills up while bytes arrive: one clear error, nothing half done, and all is well once there is room."""

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import StorageError
from storage.local import LocalBlobStore

STAGING = "0" * 32 + "/0"
DATA = bytes(range(256)) * 1024


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse what is written beyond ``size_bytes`` of any file, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    """An empty store."""
    return LocalBlobStore(tmp_path)


def files(store: LocalBlobStore) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_a_part_that_does_not_fit_is_refused_and_leaves_nothing(store):
    with room_for(100_000), pytest.raises(StorageError) as refusal:
        store.write_part(STAGING, 1, [DATA], size_bytes=len(DATA))
    assert refusal.value.code == "storage_full"
    assert files(store) == []
    store.write_part(STAGING, 1, [DATA], size_bytes=len(DATA))
    assert [part.size_bytes for part in store.parts(STAGING)] == [len(DATA)]


def test_a_blob_that_does_not_fit_is_refused_and_its_parts_stay(store):
    digest = hashlib.sha256(DATA + DATA).hexdigest()
    for number in (1, 2):
        store.write_part(STAGING, number, [DATA], size_bytes=len(DATA))
    with room_for(300_000), pytest.raises(StorageError) as refusal:
        store.promote(STAGING, [1, 2], sha256=digest)
    assert refusal.value.code == "storage_full"
    assert files(store) == ["000001", "000002"]
    assert not store.has(digest)
    assert store.promote(STAGING, [1, 2], sha256=digest).size_bytes == 2 * len(DATA)


def test_a_part_that_is_sent_again_while_the_disk_is_full_keeps_the_first_one(store):
    store.write_part(STAGING, 1, [DATA], size_bytes=len(DATA))
    with room_for(100_000), pytest.raises(StorageError):
        store.write_part(STAGING, 1, [DATA], size_bytes=len(DATA))
    assert [part.size_bytes for part in store.parts(STAGING)] == [len(DATA)]


def test_a_full_disk_is_no_excuse_for_other_errors(tmp_path):
    (tmp_path / "staging").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="staging"):
        LocalBlobStore(tmp_path).write_part(STAGING, 1, [b"x"], size_bytes=1)
