"""The hub's blob store, as settings name it."""

from django.conf import settings

from storage import BlobStore, open_store


def blob_store() -> BlobStore:
    """The store at ``settings.HUB_STORAGE_URL``."""
    return open_store(settings.HUB_STORAGE_URL)
