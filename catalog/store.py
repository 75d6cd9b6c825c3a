"""The hub's blob store, as settings name it; what it refuses is counted."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, wraps
from typing import Any, cast

from django.conf import settings

from catalog.observing import observe
from storage import BlobStore, DirectTransfer, StorageError, open_store


def blob_store() -> BlobStore:
    """The store at ``settings.HUB_STORAGE_URL``."""
    return _watched_store(settings.HUB_STORAGE_URL)


@lru_cache(maxsize=8)
def _watched_store(url: str) -> BlobStore:
    return cast(BlobStore, _Watched(open_store(url)))


class _Watched:
    """A store, or its direct transfer, that observes ``storage_error`` for each StorageError, by operation and code."""

    def __init__(self, store: BlobStore | DirectTransfer, *, prefix: str = "") -> None:
        self._store, self._prefix = store, prefix

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name == "direct" and found is not None:
            return _Watched(found, prefix="direct_")
        return _watched(self._prefix + name, found) if callable(found) else found


def _watched(operation: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*given: Any, **named: Any) -> Any:
        with _counting(operation):
            result = method(*given, **named)
        if isinstance(result, Iterator):
            return _watched_chunks(operation, result)
        if isinstance(result, AbstractContextManager):
            return _watched_context(operation, result)
        return result

    return call


@contextmanager
def _counting(operation: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        observe("storage_error", operation=operation, code=error.code)
        raise


def _watched_chunks(operation: str, chunks: Iterator[Any]) -> Iterator[Any]:
    with _counting(operation):
        yield from chunks


@contextmanager
def _watched_context(operation: str, context: AbstractContextManager[Any]) -> Iterator[Any]:
    with _counting(operation), context as value:
        yield value
