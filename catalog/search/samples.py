"""The most downloaded of what is frequent, kept for the seconds between the list of a page and its facets."""

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable

_SECONDS = 5
_MOST_KEPT = 32
# One for each process: until when it is believed, and the ids.
_kept: OrderedDict[Hashable, tuple[float, "array[int]"]] = OrderedDict()


def sample(key: Hashable, read: Callable[[], list[int]], more_than: int) -> list[int]:
    """What ``read`` gave seconds ago for this key, where there were more; whatever is less is read every time."""
    until, ids = _kept.get(key, (0.0, array("q")))
    if until > time.monotonic():
        return ids.tolist()
    found = read()
    if len(found) > more_than:
        _kept[key] = (time.monotonic() + _SECONDS, array("q", found))
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def forget() -> None:
    """Read everything again when it is asked for."""
    _kept.clear()
