"""How long reviews take: the median and the slowest tenth, by week and by decision. Computed in the database."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, F, Min, Q, Value, Window
from django.db.models.functions import RowNumber, TruncWeek
from django.utils import timezone

from catalog.accounts.querysets import Actor
from catalog.errors import InvalidInput
from catalog.reviews.models import Case, Decision
from catalog.reviews.querysets import CaseQuerySet

MOST_WEEKS = 52


@dataclass(frozen=True)
class Waited:
    """How long ``count`` reviews took: half of them at most ``median_seconds``, nine of ten at most ``p90_seconds``."""

    count: int
    median_seconds: int | None
    p90_seconds: int | None


@dataclass(frozen=True)
class Week:
    """The reviews that ended in one week, which begins on a Monday in UTC."""

    begins: date
    waited: Waited


@dataclass(frozen=True)
class Statistics:
    """Time to review, over all weeks asked for and by week, what was decided, and how old the oldest open case is."""

    waited: Waited
    weeks: list[Week]
    decisions: dict[str, int]
    waiting: int
    oldest_entered_at: datetime | None


def review_statistics(viewer: Actor, *, namespace: str = "", weeks: int = 12) -> Statistics:
    """Of the namespaces that ``viewer`` reviews in, this week and the ``weeks - 1`` before it.

    Raises:
        InvalidInput: more than ``MOST_WEEKS`` weeks, or none.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise InvalidInput(detail=f"weeks is {weeks}; it must be 1 to {MOST_WEEKS}", field="weeks")
    reviewed = Case.objects.reviewed_by(viewer)
    if namespace:
        reviewed = reviewed.filter(revision__adapter__namespace__name=namespace)
    first = _monday(timezone.now()) - timedelta(weeks=weeks - 1)
    decided = reviewed.exclude(decision="").filter(closed_at__gte=first)
    by_week = {row["week"].date(): _waited(row) for row in _quantiles(decided, TruncWeek("closed_at"))}
    begins = [(first + timedelta(weeks=number)).date() for number in range(weeks)]
    over_all = next((_waited(row) for row in _quantiles(decided, None)), Waited(0, None, None))
    open_cases = reviewed.waiting().aggregate(count=Count("pk"), oldest=Min("entered_at"))
    return Statistics(
        waited=over_all,
        weeks=[Week(day, by_week.get(day, Waited(0, None, None))) for day in begins],
        decisions={
            decision: count for decision in Decision.values if (count := decided.filter(decision=decision).count())
        },
        waiting=open_cases["count"],
        oldest_entered_at=open_cases["oldest"],
    )


def _quantiles(cases: CaseQuerySet, group: Any) -> list[dict[str, Any]]:
    """For each group its count and two quantiles: the cases whose places are one half and nine tenths, rounded up.

    By places, because SQLite has no function for percentiles; the database sends two rows for each group.
    """
    partition = [F("week")] if group is not None else None
    grouped = cases.annotate(week=group) if group is not None else cases.annotate(week=Value(None, DateTimeField()))
    placed = grouped.annotate(
        place=Window(RowNumber(), partition_by=partition, order_by=["waited_seconds", "id"]),
        of=Window(Count("id"), partition_by=partition),
    ).annotate(of_half=F("place") * 2 - F("of"), of_tenths=F("place") * 10 - F("of") * 9)
    wanted = Q(of_half__in=(0, 1)) | Q(of_tenths__gte=0, of_tenths__lt=10)
    found: dict[Any, dict[str, Any]] = {}
    for row in placed.filter(wanted).values("week", "of", "of_half", "of_tenths", "waited_seconds"):
        known = found.setdefault(row["week"], {"week": row["week"], "of": row["of"]})
        if row["of_half"] in (0, 1):
            known["median"] = row["waited_seconds"]
        if 0 <= row["of_tenths"] < 10:
            known["p90"] = row["waited_seconds"]
    return list(found.values())


def _waited(row: dict[str, Any]) -> Waited:
    return Waited(row["of"], row.get("median"), row.get("p90"))


def _monday(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())
