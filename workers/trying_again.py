"""What stopped a job and passes by itself is worth another attempt."""

from collections.abc import Iterator
from contextlib import contextmanager

from catalog.errors import Busy
from storage import StorageError
from workers.children import ChildFailed


@contextmanager
def trying_again() -> Iterator[None]:
    """A failure that may be tried again, of a store that is away or bytes that were collected before their use."""
    try:
        yield
    except StorageError as error:
        if error.code == "storage_clock_skew":
            raise
        raise ChildFailed("storage_unavailable", f"the store failed: {error.code}", is_final=False) from error
    except Busy as error:
        raise ChildFailed(error.code, error.detail, is_final=False) from error
