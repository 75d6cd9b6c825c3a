"""What a storage URL may say, and that it never carries or repeats a secret."""

import subprocess
import sys

import pytest

from storage import open_store
from storage.url import S3Location, parse_s3_url


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://adapters", S3Location("adapters", "", "us-east-1", "")),
        ("s3://adapters/", S3Location("adapters")),
        (
            "s3://my.adapters?endpoint=http://127.0.0.1:9000/&region=eu-west-1&prefix=/hub/one/",
            S3Location("my.adapters", "http://127.0.0.1:9000", "eu-west-1", "hub/one/"),
        ),
        (
            "s3://adapters?endpoint=http://store:8333&public=https://files.example/&direct=no",
            S3Location("adapters", "http://store:8333", public="https://files.example", is_direct=False),
        ),
        ("s3://adapters?endpoint=https%3A%2F%2F%5B%3A%3A1%5D%3A9000", S3Location("adapters", "https://[::1]:9000")),
    ],
)
def test_an_s3_url_names_bucket_endpoint_region_and_prefix(url, location):
    assert parse_s3_url(url) == location


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://", "no name of an S3 bucket"),
        ("s3://UPPER", "no name of an S3 bucket"),
        ("s3://ab", "no name of an S3 bucket"),
        ("s3://adapters/folder", "no path after the bucket"),
        ("s3://adapters?endpoint=127.0.0.1:9000", "endpoint"),
        ("s3://adapters?endpoint=ftp://host", "endpoint"),
        ("s3://adapters?endpoint=http://host:port", "endpoint"),
        ("s3://adapters?endpoint=http://host/s3", "endpoint"),
        ("s3://adapters?public=https://host/s3", "public"),
        ("s3://adapters?direct=perhaps", "direct is yes or no"),
        ("s3://adapters?region=eu west", "region"),
        ("s3://adapters?prefix=../other", "prefix"),
        ("s3://adapters?prefix=a//b", "prefix"),
        ("s3://adapters?prefix=a&prefix=b", "once"),
        ("s3://adapters?pathstyle=yes", "takes endpoint, public, region, prefix, direct; received 'pathstyle'"),
    ],
)
def test_a_wrong_s3_url_is_refused_by_the_part_that_is_wrong(url, says):
    with pytest.raises(ValueError, match=says):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAEXAMPLE:hushhush@adapters",
        "s3://adapters?endpoint=http://AKIAEXAMPLE:hushhush@host:9000",
        "s3://adapters?public=http://AKIAEXAMPLE:hushhush@host:9000",
        "s3://adapters?secret_access_key=hushhush",
        "s3a://AKIAEXAMPLE:hushhush@adapters",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url):
    with pytest.raises(ValueError) as refused:
        open_store(url)
    assert "hushhush" not in str(refused.value)


def test_a_hub_with_local_files_never_loads_boto3(tmp_path):
    code = "import sys, storage; storage.open_store(sys.argv[1]); print('boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_boto3_an_s3_url_says_what_is_missing():
    code = "import sys; sys.modules['boto3'] = None; import storage; storage.open_store('s3://adapters')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: an S3 storage URL needs boto3" in done.stderr
