"""Count downloads: in memory, every few seconds into one row per adapter and day, from there into the listings.

A popular adapter would otherwise be one row that every download waits for. A process that is killed loses what it
counted since its last writing, at most ``HUB_DOWNLOAD_FLUSH_SECONDS`` of downloads; one that ends in order loses none.
"""

import atexit
import logging
import threading
from collections import Counter
from datetime import date

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.utils import timezone

from catalog.observing import observe
from catalog.search.models import DownloadCount, SearchEntry

log = logging.getLogger(__name__)
_BATCH = 1000
_MOST_WAITING = 100_000
_ADD = (
    "INSERT INTO search_downloadcount (adapter_id, day, count) VALUES (%s, %s, %s)"
    " ON CONFLICT (adapter_id, day) DO UPDATE SET count = search_downloadcount.count + excluded.count"
)


class _Waiting:
    """Downloads that are counted and not yet written."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: Counter[tuple[int, date]] = Counter()
        self.writer: threading.Thread | None = None

    def add(self, counts: Counter[tuple[int, date]]) -> None:
        """Count these too. While the database is away for long, adapters that are new to the list are left out."""
        with self.lock:
            for key, count in counts.items():
                if key in self.counts or len(self.counts) < _MOST_WAITING:
                    self.counts[key] += count

    def take(self) -> Counter[tuple[int, date]]:
        """Everything, and nothing waits any more."""
        with self.lock:
            taken, self.counts = self.counts, Counter()
        return taken

    def keep_writing(self) -> None:
        """Have a thread of this process write every few seconds."""
        with self.lock:
            if self.writer is None or not self.writer.is_alive():
                self.writer = threading.Thread(target=_write_for_ever, name="downloads", daemon=True)
                self.writer.start()


_waiting = _Waiting()


def count_download(adapter_id: int) -> None:
    """Count one download today. It is written within ``HUB_DOWNLOAD_FLUSH_SECONDS``, at once where that is 0."""
    observe("download")
    _waiting.add(Counter({(adapter_id, timezone.now().date()): 1}))
    if settings.HUB_DOWNLOAD_FLUSH_SECONDS:
        _waiting.keep_writing()
    else:
        flush_downloads()


def flush_downloads() -> int:
    """Write what this process has counted. Returns how many downloads; those of a failed writing wait on."""
    counts = _waiting.take()
    if not counts:
        return 0
    # In one order everywhere, so that two processes never wait for each other.
    rows = [(adapter_id, day, count) for (adapter_id, day), count in sorted(counts.items())]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)
    except DatabaseError:
        _waiting.add(counts)
        raise
    return counts.total()


def carry_downloads() -> int:
    """Add what was counted since the last time to the entries that listings sort by. Returns how many rows counted."""
    carried = 0
    while batch := _carry_batch():
        carried += batch
    return carried


@transaction.atomic
def _carry_batch() -> int:
    behind = DownloadCount.objects.exclude(count=F("carried")).order_by("pk")
    # Another worker's sweep may be at it: each takes rows of its own.
    can_skip = connection.features.has_select_for_update_skip_locked
    keys = list(behind.select_for_update(skip_locked=can_skip).values_list("pk", "adapter_id")[:_BATCH])
    rows = DownloadCount.objects.filter(pk__in=[pk for pk, _ in keys])
    new = rows.filter(adapter=OuterRef("adapter")).values("adapter").annotate(new=Sum(F("count") - F("carried")))
    entries = SearchEntry.objects.filter(adapter_id__in={adapter_id for _, adapter_id in keys})
    entries.update(downloads=F("downloads") + Subquery(new.values("new")))
    rows.update(carried=F("count"))
    return len(keys)


def _write_for_ever() -> None:
    pause = threading.Event()
    while True:
        pause.wait(settings.HUB_DOWNLOAD_FLUSH_SECONDS or 1)
        _write_now()


@atexit.register
def _write_now() -> None:
    try:
        close_old_connections()
        flush_downloads()
    except Exception:
        log.exception("downloads could not be written; they wait in memory")
    finally:
        close_old_connections()
