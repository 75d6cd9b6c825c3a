"""The one clock that leases are measured with, and how far this machine's is away from it."""

from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """The database's time. Workers and web processes may disagree about the time; about this one they cannot.

    SQLite runs inside the process and has no other clock than this machine's.
    """
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def clock_skew_seconds() -> float:
    """How far this machine's clock is ahead of the database's, less than zero where it is behind."""
    before = timezone.now()
    there = database_now()
    return ((before - there) + (timezone.now() - there)).total_seconds() / 2


def is_skewed(seconds: float) -> bool:
    """Whether a clock that is so far off is wrong: S3 refuses what was signed more than a quarter of an hour away."""
    return abs(seconds) > settings.HUB_CLOCK_SKEW_SECONDS > 0
