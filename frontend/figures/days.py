"""Downloads over time as upright bars, a day or a week each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext, ngettext

from catalog.adapters.models import Adapter
from catalog.search.daily import Day, downloads_by_day
from frontend.figures.columns import Columns, Point, columns
from frontend.figures.scales import nice_ceiling

_DAYS = 90


def downloads_context(adapter: Adapter) -> dict[str, Any]:
    """What the part about downloads of an adapter's page shows; no picture where there were none."""
    days = downloads_by_day(adapter, days=_DAYS)
    return {
        "downloads": download_columns(days),
        "download_days": _DAYS,
        "download_total": sum(row.count for row in days),
        "download_weeks": weeks_of(days),
    }


def download_columns(days: Sequence[Day]) -> Columns | None:
    """A bar for each day; None where nothing was downloaded in all of them."""
    if not any(row.count for row in days):
        return None
    points = [Point(f"{row.day:%d %b}", row.count, f"{row.day:%Y-%m-%d}: {_said(row.count)}") for row in days]
    return columns(gettext("Downloads by day"), points, highest=nice_ceiling(max(row.count for row in days)))


def _said(count: int) -> str:
    return ngettext("%(number)s download", "%(number)s downloads", count) % {"number": f"{count:,}"}


def weeks_of(days: Sequence[Day]) -> list[Day]:
    """Seven days together, counted back from the last day; for the table beside. Each is named by its first day."""
    ends = range(len(days), 0, -7)
    parts = [days[max(end - 7, 0) : end] for end in ends]
    return [Day(part[0].day, sum(row.count for row in part)) for part in parts]
