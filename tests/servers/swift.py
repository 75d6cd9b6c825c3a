"""The S3 server of the tests: OpenStack Swift, one for the whole session; tests keep apart by prefixes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.swift import ACCESS_KEY, BUCKET, REGION, Swift, why_not

SwiftServer = Swift
__all__ = ["ACCESS_KEY", "BUCKET", "REGION", "SwiftServer", "swift", "why_not"]


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    """One S3 server for the whole session, with an empty bucket."""
    folder = Path(tempfile.mkdtemp(prefix="swift-"))
    try:
        if reason := why_not(folder):
            pytest.skip(reason)
        server = Swift(folder)
        try:
            yield server.start()
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
