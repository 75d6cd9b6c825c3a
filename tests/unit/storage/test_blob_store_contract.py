"""What every blob store promises. A new store proves itself by one more value of the fixture ``store``."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import BlobStore, StorageError, open_store
from storage.keys import blob_key, checked_staging, staging_key
from tests.servers.swift import SwiftServer

UPLOAD = "0" * 31 + "1"
STAGED = staging_key(UPLOAD, 0)
DATA = bytes(range(256)) * 20
SHA256 = hashlib.sha256(DATA).hexdigest()
GIT_ID = hashlib.sha1(b"blob %d\0" % len(DATA) + DATA).hexdigest()
ABSENT = "a" * 64


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """One store of each kind, empty."""
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    s3: BlobStore = request.getfixturevalue("empty_s3")
    return s3


@pytest.fixture
def empty_s3(swift: SwiftServer, aws_environment: None) -> BlobStore:
    """A store on S3, emptied from outside."""
    swift.empty("contract/")
    return open_store(swift.url("contract"))


def stage(store: BlobStore, data: bytes = DATA, *, part_bytes: int = 2000) -> list[int]:
    """Send ``data`` in parts, last part first; returns the numbers in order."""
    offsets = list(range(0, max(len(data), 1), part_bytes))
    for number, offset in reversed(list(enumerate(offsets, start=1))):
        chunk = data[offset : offset + part_bytes]
        store.write_part(STAGED, number, iter([chunk[:7], chunk[7:]]), size_bytes=len(chunk))
    return list(range(1, len(offsets) + 1))


def put(store: BlobStore, data: bytes = DATA) -> str:
    digest = hashlib.sha256(data).hexdigest()
    store.promote(STAGED, stage(store, data), sha256=digest)
    return digest


def use(store: BlobStore, ask: str) -> None:
    """Ask for an absent blob; a local path is asked for when it is entered."""
    answer = getattr(store, ask)(ABSENT)
    if ask == "local_path":
        with answer:
            pass


class TestEveryBlobStore:
    """The contract, in the order of a blob's life."""

    def test_an_empty_store_answers_a_probe(self, store):
        store.probe()

    def test_parts_arrive_in_any_order_and_are_listed_by_number(self, store):
        stage(store)
        assert [(part.number, part.size_bytes) for part in store.parts(STAGED)] == [(1, 2000), (2, 2000), (3, 1120)]

    def test_a_part_answers_its_own_digest(self, store):
        receipt, digest = store.write_part(STAGED, 1, [b"abc"], size_bytes=3)
        assert (receipt.number, receipt.size_bytes, digest) == (1, 3, hashlib.sha256(b"abc").hexdigest())

    def test_a_part_sent_again_replaces_the_first(self, store):
        store.write_part(STAGED, 1, [b"old"], size_bytes=3)
        store.write_part(STAGED, 1, [b"new!"], size_bytes=4)
        digest = hashlib.sha256(b"new!").hexdigest()
        store.promote(STAGED, [1], sha256=digest)
        assert b"".join(store.read(digest)) == b"new!"

    @pytest.mark.parametrize("chunks", [[], [b"ab"], [b"ab", b"cd"]], ids=["nothing", "fewer", "more"])
    def test_a_part_of_the_wrong_size_is_refused_and_nothing_is_kept(self, store, chunks):
        with pytest.raises(StorageError) as refused:
            store.write_part(STAGED, 1, chunks, size_bytes=3)
        assert refused.value.code == "size_mismatch"
        assert store.parts(STAGED) == []

    def test_a_part_of_the_wrong_size_leaves_the_good_one_before_it(self, store):
        store.write_part(STAGED, 1, [b"abc"], size_bytes=3)
        with pytest.raises(StorageError):
            store.write_part(STAGED, 1, [b"abcdef"], size_bytes=3)
        assert [part.size_bytes for part in store.parts(STAGED)] == [3]

    def test_a_sender_that_dies_half_way_leaves_nothing(self, store):
        def broken():
            yield b"ab"
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            store.write_part(STAGED, 1, broken(), size_bytes=3)
        assert store.parts(STAGED) == []

    def test_promotion_joins_the_parts_and_answers_every_digest(self, store):
        receipt = store.promote(STAGED, stage(store), sha256=SHA256)
        assert (receipt.sha256, receipt.git_id, receipt.size_bytes) == (SHA256, GIT_ID, len(DATA))
        assert b"".join(store.read(SHA256)) == DATA
        assert store.has(SHA256)
        assert store.size_bytes(SHA256) == len(DATA)

    def test_promotion_under_a_wrong_digest_is_refused_and_keeps_nothing(self, store):
        with pytest.raises(StorageError) as refused:
            store.promote(STAGED, stage(store), sha256=ABSENT)
        assert refused.value.code == "digest_mismatch"
        assert not store.has(ABSENT)
        assert not store.has(SHA256)
        assert list(store.digests()) == []

    def test_promotion_without_a_part_names_it(self, store):
        with pytest.raises(StorageError, match="part 9") as refused:
            store.promote(STAGED, [*stage(store), 9], sha256=SHA256)
        assert refused.value.code == "part_missing"

    def test_promotion_is_safe_to_repeat_until_the_parts_are_discarded(self, store):
        numbers = stage(store)
        assert store.promote(STAGED, numbers, sha256=SHA256) == store.promote(STAGED, numbers, sha256=SHA256)
        assert list(store.digests()) == [SHA256]

    def test_an_empty_file_is_a_blob_too(self, store):
        digest = put(store, b"")
        assert store.size_bytes(digest) == 0
        assert b"".join(store.read(digest)) == b""

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, None), (0, 1), (0, 0), (100, 50), (len(DATA) - 1, 1), (len(DATA) - 5, 500), (7, None), (len(DATA), None)],
    )
    def test_a_range_is_read_without_the_rest(self, store, start, length):
        put(store)
        end = None if length is None else start + length
        assert b"".join(store.read(SHA256, start=start, length=length)) == DATA[start:end]

    def test_a_local_path_holds_the_same_bytes(self, store):
        put(store)
        with store.local_path(SHA256) as path:
            assert path.read_bytes() == DATA

    @pytest.mark.parametrize("ask", ["size_bytes", "read", "local_path"])
    def test_asking_for_an_absent_blob_says_so(self, store, ask):
        with pytest.raises(StorageError) as refused:
            use(store, ask)
        assert refused.value.code == "blob_missing"

    def test_discarding_one_file_leaves_the_others_of_its_upload(self, store):
        other = staging_key(UPLOAD, 1)
        stage(store)
        store.write_part(other, 1, [b"x"], size_bytes=1)
        store.discard(STAGED)
        assert store.parts(STAGED) == []
        assert len(store.parts(other)) == 1

    def test_discarding_an_upload_drops_all_its_parts_and_no_blob(self, store):
        put(store)
        store.discard(staging_key(UPLOAD))
        store.discard(staging_key(UPLOAD))
        assert store.parts(STAGED) == []
        assert store.has(SHA256)

    def test_uploads_with_staged_bytes_are_listed_with_the_time_of_the_last_ones(self, store):
        before = datetime.now(UTC) - timedelta(seconds=2)
        stage(store)
        store.write_part(staging_key("f" * 32, 3), 1, [b"x"], size_bytes=1)
        listed = {upload.upload_hex: upload.touched_at for upload in store.staged()}
        assert sorted(listed) == [UPLOAD, "f" * 32]
        assert all(before <= moment <= datetime.now(UTC) + timedelta(seconds=2) for moment in listed.values())
        store.discard(UPLOAD)
        store.discard("f" * 32)
        assert list(store.staged()) == []

    def test_whoever_waits_is_told_of_every_byte_and_may_stop_it(self, store):
        told: list[int] = []
        store.promote(STAGED, stage(store), sha256=SHA256, on_bytes=told.append)
        with store.local_path(SHA256, on_bytes=told.append):
            pass
        assert sum(told) in (len(DATA), 2 * len(DATA)), "a store on this machine moves nothing for a local path"

        def stop(count: int) -> None:
            raise InterruptedError

        store.delete(SHA256)
        with pytest.raises(InterruptedError):
            store.promote(STAGED, [1, 2, 3], sha256=SHA256, on_bytes=stop)
        assert not store.has(SHA256)

    def test_deleting_is_repeatable(self, store):
        put(store)
        store.delete(SHA256)
        store.delete(SHA256)
        assert not store.has(SHA256)
        assert list(store.digests()) == []

    @pytest.mark.parametrize(
        "digest", ["", "../etc/passwd", SHA256.upper(), SHA256[:-1], SHA256 + "0", f"{SHA256}\n", "g" * 64]
    )
    def test_a_blob_is_named_by_a_digest_and_nothing_else(self, store, digest):
        for ask in (store.has, store.size_bytes, store.delete):
            with pytest.raises(ValueError, match="SHA-256"):
                ask(digest)

    @pytest.mark.parametrize(
        "key", ["", "..", "../blobs", f"{UPLOAD}/..", f"{UPLOAD}/0/../1", f"{UPLOAD}/a", UPLOAD.upper() + "G", "/tmp"]
    )
    def test_staging_takes_only_keys_that_the_hub_made(self, store, key):
        for call in (store.parts, store.discard):
            with pytest.raises(ValueError, match="staging key"):
                call(key)


def test_a_folder_that_vanished_is_no_store(tmp_path):
    store = open_store(str(tmp_path / "mount" / "store"))
    (tmp_path / "mount").mkdir()
    store.probe()
    (tmp_path / "mount").rmdir()
    with pytest.raises(StorageError) as caught:
        store.probe()
    assert caught.value.code == "storage_unavailable"


def test_what_a_crash_left_behind_is_neither_a_part_nor_a_blob(tmp_path):
    store = open_store(str(tmp_path / "store"))
    put(store)
    (tmp_path / "store" / "staging" / STAGED / ".1.deadbeef").write_bytes(b"half a part")
    (tmp_path / "store" / blob_key(SHA256)).with_name(".deadbeef").write_bytes(b"half a blob")
    assert [part.number for part in store.parts(STAGED)] == [1, 2, 3]
    assert list(store.digests()) == [SHA256]


def test_half_a_blob_is_dropped_when_it_is_old_and_never_a_whole_one(tmp_path):
    store = open_store(str(tmp_path / "store"))
    put(store)
    half = (tmp_path / "store" / blob_key(SHA256)).with_name(".deadbeef")
    half.write_bytes(b"half a blob")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert store.drop_unfinished(yesterday) == 0
    os.utime(half, (0, 0))
    assert store.drop_unfinished(yesterday) == 1
    assert not half.exists()
    assert store.has(SHA256)


def test_a_refused_write_leaves_no_temporary_file(tmp_path):
    store = open_store(str(tmp_path / "store"))
    with pytest.raises(StorageError):
        store.write_part(STAGED, 1, [b"too long"], size_bytes=3)
    with pytest.raises(StorageError):
        store.promote(STAGED, stage(store), sha256=ABSENT)
    files = [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert sorted(files) == ["000001", "000002", "000003"]


def test_a_promoted_blob_is_read_only(tmp_path):
    store = open_store(str(tmp_path / "store"))
    put(store)
    assert (tmp_path / "store" / blob_key(SHA256)).stat().st_mode & 0o222 == 0


def test_keys_spread_over_two_levels_and_refuse_what_people_type():
    assert blob_key(SHA256) == f"blobs/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}"
    assert checked_staging(staging_key(UPLOAD, 12)) == f"{UPLOAD}/12"
    with pytest.raises(ValueError, match="staging key"):
        staging_key("../../etc")


@pytest.mark.parametrize("url", ["ftp://host/x", "s4://bucket"])
def test_an_unknown_scheme_is_refused_by_name(url):
    with pytest.raises(ValueError, match="unknown scheme"):
        open_store(url)
