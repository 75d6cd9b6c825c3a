"""Downloads of one adapter, day by day."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from catalog.adapters.models import Adapter
from catalog.errors import InvalidInput
from catalog.search.models import DownloadCount

MOST_DAYS = 366


@dataclass(frozen=True)
class Day:
    """One day (UTC) and its downloads."""

    day: date
    count: int


def downloads_by_day(adapter: Adapter, *, days: int = 90) -> list[Day]:
    """The last ``days`` days up to today, the oldest first; days without a download count 0.

    The caller may see the adapter. What processes still hold in memory (some seconds) is not in it.

    Raises:
        InvalidInput: ``days`` is not from 1 to 366.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(
            detail=f"days is {days}; it must be from 1 to {MOST_DAYS}", field="days", hint="Leave it out for 90."
        )
    today = timezone.now().date()
    first = today - timedelta(days=days - 1)
    rows = DownloadCount.objects.filter(adapter_id=adapter.pk, day__gte=first, day__lte=today)
    counts = dict(rows.values_list("day", "count"))
    every = (first + timedelta(days=at) for at in range(days))
    return [Day(day, counts.get(day, 0)) for day in every]
