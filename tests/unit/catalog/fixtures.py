"""Fixtures that every test of the catalog, the API and the workers shares; each folder's conftest.py imports them."""

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from storage import BlobStore, open_store
from tests.unit.catalog import sending


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> BlobStore:
    """A blob store of this test alone, small parts, quick password hashes, and fresh throttles."""
    settings.HUB_STORAGE_URL = str(tmp_path / "store")
    settings.HUB_PART_SIZE_BYTES = 4096
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    return open_store(settings.HUB_STORAGE_URL)


@pytest.fixture(autouse=True)
def sent(settings: Any) -> list[str]:
    """Ids of the jobs that were sent, instead of a broker."""
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    sending.sent_ids.clear()
    sending.is_broker_up[0] = True
    return sending.sent_ids
