"""Clients and the bucket without the hub between: what a presigned URL allows, and what the hub makes of the parts."""

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from storage import StorageError, open_store
from storage.keys import staging_key
from storage.s3 import S3BlobStore
from storage.url import parse_s3_url
from tests.servers.proxy import Fault, FaultyProxy

PREFIX = "direct"
STAGED = staging_key("0" * 31 + "3", 0)
PART = 5 << 20
DATA = bytes(range(256)) * (PART // 256) + b"the last part may be short"
SHA256 = hashlib.sha256(DATA).hexdigest()
PARTS = {1: DATA[:PART], 2: DATA[PART:]}

pytestmark = [pytest.mark.usefixtures("aws_environment"), pytest.mark.timeout(60)]


@pytest.fixture
def store(swift):
    swift.empty(f"{PREFIX}/")
    return S3BlobStore(parse_s3_url(swift.url(PREFIX)), max_attempts=2)


@pytest.fixture
def multipart(store):
    begun = store.direct.begin(STAGED)
    yield begun
    store.discard(STAGED)


def send(store, multipart: str, *numbers: int) -> None:
    for number in numbers or PARTS:
        url = store.direct.part_url(STAGED, multipart, number, size_bytes=len(PARTS[number]))
        assert httpx.put(url, content=PARTS[number]).status_code == 200


def put(store) -> None:
    store.write_part(STAGED, 1, [DATA], size_bytes=len(DATA))
    store.promote(STAGED, [1], sha256=SHA256)


def test_parts_sent_by_url_are_listed_joined_and_promoted(store, multipart, swift):
    assert store.direct.parts(STAGED, multipart) == []
    send(store, multipart, 2)
    assert [(part.number, part.size_bytes) for part in store.direct.parts(STAGED, multipart)] == [(2, len(PARTS[2]))]
    assert store.parts(STAGED) == [], "what is under way is no staged part"
    send(store, multipart, 1)
    store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
    assert [(part.number, part.size_bytes) for part in store.parts(STAGED)] == [(1, len(DATA))]
    assert store.promote(STAGED, [1], sha256=SHA256).size_bytes == len(DATA)
    assert b"".join(store.read(SHA256)) == DATA


def test_completing_twice_is_once(store, multipart):
    send(store, multipart)
    store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
    store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
    assert store.promote(STAGED, [1], sha256=SHA256).sha256 == SHA256


def test_a_part_sent_after_completion_never_becomes_bytes_under_a_digest(store, multipart, swift):
    """Servers differ: one refuses it, Swift takes it and then finds the object broken. None may serve other bytes."""
    send(store, multipart)
    early = store.direct.part_url(STAGED, multipart, 1, size_bytes=PART)
    store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
    httpx.put(early, content=b"?" * PART)
    try:
        store.promote(STAGED, [1], sha256=SHA256)
    except StorageError:
        assert not store.has(SHA256)
    else:
        assert b"".join(store.read(SHA256)) == DATA


def test_too_few_bytes_are_not_completed(store, multipart):
    send(store, multipart, 1)
    with pytest.raises(StorageError) as refused:
        store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
    assert refused.value.code == "part_missing"
    send(store, multipart, 2)
    store.direct.complete(STAGED, multipart, size_bytes=len(DATA))


def test_a_url_takes_as_many_bytes_as_were_announced_and_no_other_part(store, multipart):
    url = store.direct.part_url(STAGED, multipart, 2, size_bytes=26)
    assert httpx.put(url, content=b"x" * 27).status_code == 403
    assert httpx.put(url.replace("partNumber=2", "partNumber=3"), content=b"x" * 26).status_code == 403
    assert httpx.get(url).status_code == 403
    assert store.direct.parts(STAGED, multipart) == []


def test_every_url_ends_within_ten_minutes_and_names_no_secret(store, multipart, swift):
    for url in (
        store.direct.part_url(STAGED, multipart, 1, size_bytes=5),
        store.direct.blob_url("a" * 64, filename="a"),
    ):
        assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 600
        assert swift.secret_key not in url


def test_what_is_withdrawn_can_be_fetched_for_a_minute_at_most(store, multipart):
    put(store)
    url = store.direct.blob_url(SHA256, filename="a.bin")
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 60


def test_a_url_that_ran_out_opens_nothing(store, multipart, monkeypatch):
    import time

    monkeypatch.setattr("storage.s3_bucket.DOWNLOAD_SECONDS", 1)
    put(store)
    url = store.direct.blob_url(SHA256, filename="a.bin")
    time.sleep(2.1)
    assert httpx.get(url).status_code == 403


@pytest.mark.parametrize(
    ("header", "start", "end"), [("", 0, None), ("bytes=100-199", 100, 200), ("bytes=-7", -7, None)]
)
def test_a_blob_is_fetched_by_url_with_range_and_as_an_attachment(store, header, start, end):
    put(store)
    url = store.direct.blob_url(SHA256, filename="adapter_model.safetensors")
    answer = httpx.get(url, headers={"Range": header} if header else {})
    assert (answer.status_code, answer.content) == (206 if header else 200, DATA[start:end])
    assert answer.headers["Content-Disposition"] == 'attachment; filename="adapter_model.safetensors"'
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_urls_are_signed_for_the_address_that_clients_reach(swift):
    with FaultyProxy(swift.endpoint) as proxy:
        store = open_store(f"{swift.url(PREFIX)}&public={proxy.url}")
        put(store)
        url = store.direct.blob_url(SHA256, filename="a.bin")
        assert url.startswith(proxy.url)
        assert httpx.get(url).content == DATA
        assert proxy.count("GET") == len(proxy.seen) == 1, "the hub itself stays with its own endpoint"


def test_direct_transfer_can_be_switched_off(swift, tmp_path):
    assert open_store(f"{swift.url(PREFIX)}&direct=no").direct is None
    assert open_store(str(tmp_path)).direct is None


def test_a_completion_whose_answer_was_lost_is_no_failure(swift):
    with FaultyProxy(swift.endpoint) as proxy:
        store = S3BlobStore(parse_s3_url(swift.url(PREFIX, endpoint=proxy.url)), max_attempts=2)
        multipart = store.direct.begin(STAGED)
        send(store, multipart)
        proxy.faults[:] = [Fault("POST", "uploadId", loses_answer=True)]
        store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
        proxy.faults.clear()
        assert [part.size_bytes for part in store.parts(STAGED)] == [len(DATA)]


def test_a_completion_that_fails_leaves_the_parts(swift):
    with FaultyProxy(swift.endpoint) as proxy:
        store = S3BlobStore(parse_s3_url(swift.url(PREFIX, endpoint=proxy.url)), max_attempts=2)
        store.discard(STAGED)
        multipart = store.direct.begin(STAGED)
        send(store, multipart)
        proxy.faults[:] = [Fault("POST", "uploadId", status=503)]
        with pytest.raises(StorageError) as refused:
            store.direct.complete(STAGED, multipart, size_bytes=len(DATA))
        assert refused.value.code == "storage_unavailable"
        assert len(store.direct.parts(STAGED, multipart)) == 2


def test_discarding_drops_what_is_under_way(store, multipart, swift):
    send(store, multipart, 1)
    assert [upload.upload_hex for upload in store.staged()] == [STAGED.partition("/")[0]]
    store.discard(STAGED)
    assert swift.unfinished(f"{PREFIX}/") == []
    assert store.direct.parts(STAGED, multipart) is None
    assert list(store.staged()) == []
    store.direct.abort(STAGED, multipart)


def test_a_promotion_that_never_ended_is_found_and_dropped(store, swift):
    store._bucket.call("create_multipart_upload", f"blobs/aa/aa/{'a' * 64}")
    assert store.drop_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert len(swift.unfinished(f"{PREFIX}/")) == 1
    assert store.drop_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert swift.unfinished(f"{PREFIX}/") == []
