"""Large files on a store that presigns: permission first, then a redirect that runs out; small ones as ever."""

import logging
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from catalog.search.models import DownloadCount
from catalog.store import blob_store
from storage import StorageError
from storage.keys import staging_key
from tests.servers.swift import SwiftServer
from tests.unit.catalog.factories import make_namespace, make_user, publish
from tests.unit.hub.calling import API, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(60)]
LARGE = bytes(range(256)) * 5000
URL = f"{API}/adapters/lab/ner/files/1.0.0"


@pytest.fixture(autouse=True)
def s3(swift: SwiftServer, settings, monkeypatch) -> None:
    """The hub's bytes lie on S3."""
    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    settings.HUB_STORAGE_URL = swift.url("direct-files")
    settings.HUB_PART_SIZE_BYTES = 4 << 20


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def push(owner, **options) -> None:
    publish(owner, {"w.safetensors": LARGE, "notes.txt": b"small"}, version="1.0.0", **options)


def test_a_large_file_is_a_redirect_to_the_store_and_a_small_one_is_not(owner, swift):
    push(owner)
    answer = client_of(None).get(f"{URL}/w.safetensors")
    assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
    assert answer["Location"].startswith(swift.endpoint)
    assert int(parse_qs(urlsplit(answer["Location"]).query)["X-Amz-Expires"][0]) <= 600
    fetched = httpx.get(answer["Location"])
    assert fetched.content == LARGE
    assert fetched.headers["Content-Disposition"] == 'attachment; filename="w.safetensors"'
    assert client_of(None).get(f"{URL}/notes.txt").status_code == 200


def test_a_range_goes_on_at_the_store(owner):
    push(owner)
    where = client_of(None).get(f"{URL}/w.safetensors", HTTP_RANGE="bytes=1000-1999")["Location"]
    fetched = httpx.get(where, headers={"Range": "bytes=1000-1999"})
    assert (fetched.status_code, fetched.content) == (206, LARGE[1000:2000])


def test_head_and_what_the_caller_has_already_are_answered_here(owner):
    push(owner)
    head = client_of(None).head(f"{URL}/w.safetensors")
    assert (head.status_code, head["Content-Length"]) == (200, str(len(LARGE)))
    assert client_of(None).get(f"{URL}/w.safetensors", HTTP_IF_NONE_MATCH=head["ETag"]).status_code == 304


def test_who_may_not_read_gets_no_address(owner):
    push(owner, visibility="private")
    for stranger in (None, make_user("stranger")):
        answer = client_of(stranger).get(f"{URL}/w.safetensors")
        assert answer.status_code == 404
        assert "Location" not in answer
    assert client_of(owner).get(f"{URL}/w.safetensors").status_code == 302


def test_a_download_is_counted_where_it_begins(owner):
    push(owner)
    client_of(None).get(f"{URL}/w.safetensors", HTTP_RANGE="bytes=4-")
    assert not DownloadCount.objects.exists()
    client_of(None).get(f"{URL}/w.safetensors")
    client_of(None).get(f"{URL}/w.safetensors", HTTP_RANGE="bytes=0-")
    assert DownloadCount.objects.get().count == 2


def test_no_address_is_logged(owner, caplog):
    with caplog.at_level(logging.DEBUG, logger="hub"), caplog.at_level(logging.DEBUG, logger="catalog"):
        push(owner)
        client_of(None).get(f"{URL}/w.safetensors")
        client_of(owner).post(
            f"{API}/uploads", {"adapter": "lab/big", "files": [{"path": "w.safetensors", "size_bytes": 20 << 20}]}
        )
    assert "X-Amz-Signature" not in caplog.text


def test_where_direct_transfer_is_off_the_hub_hands_out_the_bytes(owner, settings):
    settings.HUB_STORAGE_URL += "&direct=no"
    push(owner)
    answer = client_of(None).get(f"{URL}/w.safetensors")
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == LARGE


def test_what_the_store_refuses_of_a_direct_transfer_is_counted(swift, settings, monkeypatch):
    counted = []

    def count(event: str, amount: float, labels: dict[str, str]) -> None:
        counted.append((event, labels))

    settings.HUB_STORAGE_URL = swift.url("direct-refused")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-this-one")
    monkeypatch.setattr("catalog.observing._observers", [count])
    with pytest.raises(StorageError):
        blob_store().direct.begin(staging_key("0" * 32, 0))
    assert counted == [("storage_error", {"operation": "direct_begin", "code": "storage_refused"})]
