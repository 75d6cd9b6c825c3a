"""An S3 server that is slow, away, forgetful or wrong: clear errors, and nothing half done."""

import hashlib
import re
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from storage import StorageError
from storage.keys import blob_key, staging_key
from storage.s3 import S3BlobStore
from storage.s3_writer import MIN_PART_BYTES
from storage.url import parse_s3_url
from tests.servers.ports import free_port
from tests.servers.proxy import Fault, FaultyProxy
from tests.servers.swift import BUCKET, SwiftServer

STAGED = staging_key("0" * 31 + "2", 0)
SMALL = b"a small file of an adapter"
LARGE = (bytes(range(256)) * 4096) * 9  # 9 MiB: two parts of a multipart upload

pytestmark = [pytest.mark.usefixtures("aws_environment"), pytest.mark.timeout(60)]


PREFIX = "faults"


class Rig:
    """A store that reaches the server through a proxy."""

    def __init__(self, swift: SwiftServer, proxy: FaultyProxy) -> None:
        self.swift, self.proxy = swift, proxy
        self.store = S3BlobStore(parse_s3_url(swift.url(PREFIX, endpoint=proxy.url)), max_attempts=2)

    def stage(self, data: bytes, *, part_bytes: int = 4 << 20) -> tuple[list[int], str]:
        """Send ``data`` in parts; returns their numbers and the digest of the whole."""
        offsets = range(0, len(data), part_bytes)
        for number, offset in enumerate(offsets, start=1):
            part = data[offset : offset + part_bytes]
            self.store.write_part(STAGED, number, [part], size_bytes=len(part))
        return list(range(1, len(offsets) + 1)), hashlib.sha256(data).hexdigest()

    def clean(self) -> None:
        """No fault, nothing stored, nothing seen."""
        self.proxy.faults.clear()
        self.swift.empty(f"{PREFIX}/")
        self.proxy.seen.clear()

    def put(self, data: bytes) -> str:
        numbers, digest = self.stage(data)
        self.store.promote(STAGED, numbers, sha256=digest)
        return digest

    def fail(self, method: str, where: str = "", **how: int | bool) -> None:
        """From now on, only this goes wrong."""
        self.proxy.seen.clear()
        self.proxy.faults[:] = [Fault(method, where, **how)]  # type: ignore[arg-type]

    def left_over(self) -> list[str]:
        """Blobs and unfinished multipart uploads."""
        return self.swift.keys(f"{PREFIX}/blobs/") + self.swift.unfinished(f"{PREFIX}/")


@pytest.fixture(scope="module")
def shared_rig(swift: SwiftServer, aws_environment: None) -> Iterator[Rig]:
    with FaultyProxy(swift.endpoint) as proxy:
        yield Rig(swift, proxy)


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    shared_rig.clean()
    return shared_rig


def test_one_refusal_is_tried_again(rig):
    rig.fail("PUT", "staging", status=503, times=1)
    rig.store.write_part(STAGED, 1, [SMALL], size_bytes=len(SMALL))
    assert rig.proxy.count("PUT", "staging") == 2
    assert [part.size_bytes for part in rig.store.parts(STAGED)] == [len(SMALL)]


def test_attempts_are_bounded_and_a_part_that_did_not_arrive_is_not_listed(rig):
    rig.fail("PUT", "staging", status=503)
    with pytest.raises(StorageError) as refused:
        rig.store.write_part(STAGED, 1, [SMALL], size_bytes=len(SMALL))
    assert refused.value.code == "storage_unavailable"
    assert "503" in refused.value.detail
    assert rig.proxy.count("PUT", "staging") == 2
    assert rig.store.parts(STAGED) == []


@pytest.mark.parametrize(
    ("method", "where"), [("PUT", "partNumber=2"), ("POST", "uploadId"), ("POST", "uploads"), ("GET", "staging")]
)
def test_a_large_file_that_cannot_be_joined_leaves_nothing_under_its_digest_and_no_upload_open(rig, method, where):
    numbers, digest = rig.stage(LARGE)
    rig.fail(method, where, status=503)
    with pytest.raises(StorageError) as refused:
        rig.store.promote(STAGED, numbers, sha256=digest)
    assert refused.value.code == "storage_unavailable"
    assert rig.left_over() == []
    rig.proxy.faults.clear()
    assert rig.store.promote(STAGED, numbers, sha256=digest).size_bytes == len(LARGE)
    assert rig.store.has(digest)


def test_a_small_file_that_cannot_be_joined_leaves_nothing(rig):
    numbers, digest = rig.stage(SMALL)
    rig.fail("PUT", "blobs", status=500)
    with pytest.raises(StorageError, match="500"):
        rig.store.promote(STAGED, numbers, sha256=digest)
    assert rig.left_over() == []


def test_a_large_file_under_a_wrong_digest_leaves_nothing(rig):
    numbers, _ = rig.stage(LARGE)
    with pytest.raises(StorageError) as refused:
        rig.store.promote(STAGED, numbers, sha256="a" * 64)
    assert refused.value.code == "digest_mismatch"
    assert rig.proxy.count("PUT", "partNumber=1") == 1
    assert rig.proxy.count("DELETE", "uploadId") == 1
    assert rig.left_over() == []


def test_a_wrong_guess_costs_the_same_requests_whether_the_digest_is_here_or_not(rig):
    known = rig.put(LARGE)
    other = LARGE[:-1] + b"?"
    numbers, _ = rig.stage(other)
    asked = []
    for digest in (known, "a" * 64):
        rig.proxy.seen.clear()
        with pytest.raises(StorageError):
            rig.store.promote(STAGED, numbers, sha256=digest)
        asked.append([method for method, _ in rig.proxy.seen])
    assert asked[0] == asked[1]
    assert b"".join(rig.store.read(known)) == LARGE


@pytest.mark.parametrize(("data", "method", "where"), [(SMALL, "PUT", "blobs"), (LARGE, "POST", "uploadId")])
def test_an_answer_lost_after_the_bytes_landed_is_no_failure(rig, data, method, where):
    numbers, digest = rig.stage(data)
    rig.fail(method, where, loses_answer=True)
    assert rig.store.promote(STAGED, numbers, sha256=digest).sha256 == digest
    rig.proxy.faults.clear()
    assert b"".join(rig.store.read(digest)) == data
    assert rig.swift.unfinished(f"{PREFIX}/") == []


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_a_blob_that_is_here_is_left_alone(rig, data):
    digest = rig.put(data)
    key = f"{PREFIX}/{blob_key(digest)}"
    before = rig.swift.client.head_object(Bucket=BUCKET, Key=key)
    rig.proxy.seen.clear()
    rig.store.promote(STAGED, [part.number for part in rig.store.parts(STAGED)], sha256=digest)
    assert rig.proxy.count("POST", "uploadId") == 0
    assert rig.swift.client.head_object(Bucket=BUCKET, Key=key)["ETag"] == before["ETag"]
    assert rig.swift.unfinished(f"{PREFIX}/") == []


def test_a_blob_of_the_wrong_size_is_written_again(rig):
    digest = rig.put(SMALL)
    rig.swift.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{blob_key(digest)}", Body=SMALL[:-1])
    rig.put(SMALL)
    assert b"".join(rig.store.read(digest)) == SMALL


def test_a_body_cut_once_is_continued_where_it_broke(rig):
    digest = rig.put(LARGE)
    rig.fail("GET", "blobs", cut_after=3_500_000, times=1)
    assert b"".join(rig.store.read(digest, start=10)) == LARGE[10:]
    assert rig.proxy.count("GET", "blobs") == 2


def test_a_body_that_is_always_cut_is_an_error_and_never_a_short_answer(rig):
    digest = rig.put(LARGE)
    rig.fail("GET", "blobs", cut_after=1000)
    with pytest.raises(StorageError) as refused:
        list(rig.store.read(digest))
    assert refused.value.code == "storage_unavailable"
    assert rig.proxy.count("GET", "blobs") == 2


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_local_path_never_shows_other_bytes_and_is_gone_afterwards(rig, tmp_path, monkeypatch, damage):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    digest = rig.put(SMALL)
    with rig.store.local_path(digest) as path:
        assert path.read_bytes() == SMALL
        assert path.is_relative_to(tmp_path)
    assert not path.exists()
    if damage == "cut":
        rig.fail("GET", "blobs", cut_after=5)
    else:
        key = f"{PREFIX}/{blob_key(digest)}"
        rig.swift.client.put_object(Bucket=BUCKET, Key=key, Body=SMALL.upper())
    with pytest.raises(StorageError) as refused, rig.store.local_path(digest):
        pytest.fail("no path may be handed out")
    assert refused.value.code == {"cut": "storage_unavailable", "changed": "blob_damaged"}[damage]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_away_is_not_an_absent_blob():
    away = S3BlobStore(parse_s3_url(f"s3://{BUCKET}?endpoint=http://127.0.0.1:{free_port()}"), max_attempts=1)
    for ask in (away.has, away.size_bytes, away.read, away.delete):
        with pytest.raises(StorageError) as refused:
            ask("a" * 64)
        assert refused.value.code == "storage_unavailable"


def test_a_wrong_secret_is_refused_and_named_nowhere(swift, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-this-server")
    store = S3BlobStore(parse_s3_url(swift.url("wrong")))
    with pytest.raises(StorageError) as refused:
        store.write_part(STAGED, 1, [SMALL], size_bytes=len(SMALL))
    assert refused.value.code == "storage_refused"
    assert "not-the-secret" not in refused.value.detail + str(refused.value.__cause__) + caplog.text


def test_without_credentials_the_error_says_which_variables_to_set(swift, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    with pytest.raises(StorageError, match="AWS_ACCESS_KEY_ID") as refused:
        S3BlobStore(parse_s3_url(swift.url("none"))).has("a" * 64)
    assert refused.value.code == "storage_refused"


def test_a_bucket_that_is_not_there_refuses_what_is_written(swift):
    url = swift.url("x").replace(BUCKET, "elsewhere", 1)
    with pytest.raises(StorageError, match="NoSuchBucket") as refused:
        S3BlobStore(parse_s3_url(url)).write_part(STAGED, 1, [SMALL], size_bytes=len(SMALL))
    assert refused.value.code == "storage_refused"


def two_at_a_time(params, **_):
    return params | {"MaxKeys": 2}


def test_listing_goes_on_past_the_first_page(rig):
    digests = sorted(hashlib.sha256(bytes([number])).hexdigest() for number in range(5))
    for digest in digests:
        rig.swift.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{blob_key(digest)}", Body=b"")
    rig.swift.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/blobs/README", Body=b"put here by hand")
    events = rig.store._bucket._client.meta.events
    events.register("provide-client-params.s3.ListObjectsV2", two_at_a_time, unique_id="test")
    try:
        assert list(rig.store.digests()) == digests
    finally:
        events.unregister("provide-client-params.s3.ListObjectsV2", unique_id="test")
    assert rig.proxy.count("GET", "list-type=2") == 3


def test_a_file_of_many_parts_is_joined_in_the_memory_of_a_few(rig, tmp_path: Path):
    chunk, count = b"\0" * (1 << 20), 48
    digest = hashlib.sha256(chunk * count).hexdigest()
    for number in range(1, 7):
        rig.swift.client.put_object(
            Bucket=BUCKET, Key=f"{PREFIX}/staging/{STAGED}/{number:06d}", Body=chunk * (count // 6)
        )
    direct = S3BlobStore(parse_s3_url(rig.swift.url(PREFIX)))
    tracemalloc.start()
    try:
        receipt = direct.promote(STAGED, range(1, 7), sha256=digest)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert receipt.size_bytes == count << 20
    assert peak < 4 * MIN_PART_BYTES


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_the_server_refuses_is_named_with_or_without_a_body_to_say_so(rig, monkeypatch, hours):
    digest = rig.put(SMALL)

    def wrong(*given):
        return datetime.now(UTC) + timedelta(hours=hours)

    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *given, **more: wrong().replace(tzinfo=None))
    monkeypatch.setattr("storage.s3_bucket.datetime", Mock(now=wrong))
    for call in (lambda: b"".join(rig.store.read(digest)), lambda: rig.store.size_bytes(digest)):
        with pytest.raises(StorageError) as refused:
            call()
        assert refused.value.code == "storage_clock_skew"
        assert re.search(r"(359\d|360\d) s apart; let NTP set both", refused.value.detail)


def test_a_refusal_under_the_right_clock_is_not_the_clocks(rig, monkeypatch):
    digest = rig.put(SMALL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-this-one")
    store = S3BlobStore(parse_s3_url(rig.swift.url(PREFIX)), max_attempts=1)
    with pytest.raises(StorageError) as refused:
        store.size_bytes(digest)
    assert refused.value.code == "storage_refused"
