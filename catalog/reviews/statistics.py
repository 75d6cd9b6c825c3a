"""How long reviews take: the median and the slowest tenth, by week and by decision."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from catalog.accounts.querysets import Actor
from catalog.counting import remembered
from catalog.errors import InvalidInput
from catalog.reviews.models import Case, Decision
from catalog.reviews.querysets import CaseQuerySet

MOST_WEEKS = 52
_MANY = 1000


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


@dataclass(frozen=True)
class Pace:
    """Over all weeks at once, and since when the oldest open case waits."""

    waited: Waited
    oldest_entered_at: datetime | None


def review_statistics(viewer: Actor, *, namespace: str = "", weeks: int = 12) -> Statistics:
    """Of the namespaces that ``viewer`` reviews in, this week and the ``weeks - 1`` before it.

    Raises:
        InvalidInput: more than ``MOST_WEEKS`` weeks, or none.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise InvalidInput(detail=f"weeks is {weeks}; it must be 1 to {MOST_WEEKS}", field="weeks")

    def find() -> Statistics:
        return _statistics(_reviewed(viewer, namespace), weeks)

    name = ("statistics of reviews", connection.alias, viewer.pk, namespace, weeks)
    return remembered(name, find, lambda found: found.waited.count > _MANY)


def pace(viewer: Actor, *, weeks: int = 12) -> Pace:
    """The same in short, for a page that shows much else: found again after a minute where there is much."""
    reviewed = _reviewed(viewer, "")
    decided = _decided(reviewed, _monday(timezone.now()) - timedelta(weeks=weeks - 1))

    def find() -> Pace:
        seconds = decided.values_list("waited_seconds", flat=True).iterator(chunk_size=5000)
        return Pace(
            _waited(waited for waited in seconds if waited is not None),
            reviewed.waiting().aggregate(oldest=Min("entered_at"))["oldest"],
        )

    return remembered(
        ("pace of reviews", connection.alias, viewer.pk, weeks), find, lambda found: found.waited.count > _MANY
    )


def _reviewed(viewer: Actor, namespace: str) -> CaseQuerySet:
    reviewed = Case.objects.reviewed_by(viewer)
    return reviewed.filter(revision__adapter__namespace__name=namespace) if namespace else reviewed


def _statistics(reviewed: CaseQuerySet, weeks: int) -> Statistics:
    first = _monday(timezone.now()) - timedelta(weeks=weeks - 1)
    by_week: list[list[int]] = [[] for _ in range(weeks)]
    decisions: Counter[str] = Counter()
    # One pass over two numbers and a word of each: SQLite has no function for percentiles.
    rows = _decided(reviewed, first).values_list("closed_at", "waited_seconds", "decision")
    for closed_at, seconds, decision in rows.iterator(chunk_size=5000):
        if closed_at is None or seconds is None:  # excluded already; types do not know
            continue
        by_week[min((closed_at - first).days // 7, weeks - 1)].append(seconds)
        decisions[decision] += 1
    open_cases = reviewed.waiting().aggregate(count=Count("pk"), oldest=Min("entered_at"))
    return Statistics(
        waited=_waited([seconds for week in by_week for seconds in week]),
        weeks=[Week((first + timedelta(weeks=at)).date(), _waited(week)) for at, week in enumerate(by_week)],
        decisions={decision: decisions[decision] for decision in Decision.values if decision in decisions},
        waiting=open_cases["count"],
        oldest_entered_at=open_cases["oldest"],
    )


def _decided(reviewed: CaseQuerySet, first: datetime) -> CaseQuerySet:
    return reviewed.exclude(decision="").filter(closed_at__gte=first, waited_seconds__isnull=False)


def _waited(seconds: Iterable[int]) -> Waited:
    ordered = sorted(seconds)
    count = len(ordered)
    if not count:
        return Waited(0, None, None)
    return Waited(count, ordered[-(-count // 2) - 1], ordered[-(-count * 9 // 10) - 1])


def _monday(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())
