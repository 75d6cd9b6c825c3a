"""Downloads are signed by the hub itself, and only where botocore would write the same URL."""

from urllib.parse import parse_qs, urlsplit

import pytest

from storage.s3_bucket import DOWNLOAD_SECONDS, Bucket
from storage.url import parse_s3_url

KEY = f"blobs/aa/{'a' * 64}"
SAID = {"disposition": 'attachment; filename="a b+\u00e4~%.bin"', "media_type": "application/octet-stream"}
NAMED = {"ResponseContentDisposition": SAID["disposition"], "ResponseContentType": SAID["media_type"]}


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret/with+signs")


def both(url: str) -> tuple[str, str]:
    """The hub's URL and botocore's, made in the same second."""
    bucket = Bucket(parse_s3_url(url), max_attempts=1)
    while True:
        ours = bucket.presign_download(KEY, **SAID)
        theirs = bucket.presign("get_object", KEY, seconds=DOWNLOAD_SECONDS, **NAMED)
        if _moment(ours) == _moment(theirs):
            assert bucket.signs_downloads_itself
            return ours, theirs


def _moment(url: str) -> list[str]:
    return parse_qs(urlsplit(url).query)["X-Amz-Date"]


@pytest.mark.parametrize(
    "url",
    [
        "s3://adapters?endpoint=http://127.0.0.1:9&region=eu-west-7",
        "s3://adapters?endpoint=https://store.example&prefix=a/b-c",
        "s3://adapters?endpoint=http://127.0.0.1:9&public=https://files.example:8443",
        "s3://adapters?region=eu-central-1",
    ],
)
def test_the_url_is_the_one_that_botocore_writes(url):
    ours, theirs = both(url)
    assert ours == theirs


def test_so_with_the_token_of_a_role(monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a token=/+")
    ours, theirs = both("s3://adapters?endpoint=https://store.example")
    assert ours == theirs
    assert "X-Amz-Security-Token" in ours


def test_where_botocore_would_write_another_url_botocore_signs():
    # It leaves the usual port out of what it signs.
    bucket = Bucket(parse_s3_url("s3://adapters?endpoint=https://store.example:443"), max_attempts=1)
    url = bucket.presign_download(KEY, **SAID)
    assert not bucket.signs_downloads_itself
    assert parse_qs(urlsplit(url).query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
