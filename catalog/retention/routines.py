"""Who does next what the hub does now and then: one process at a time, however many ask."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from catalog.jobs.clock import database_now
from catalog.retention.models import Routine


def is_my_turn(name: str, every_seconds: float) -> bool:
    """Whether ``every_seconds`` have passed since the routine was last begun; if so, it counts as begun now."""
    now = database_now()
    if Routine.objects.filter(pk=name, begun_at__lte=now - timedelta(seconds=every_seconds)).update(begun_at=now):
        return True
    if Routine.objects.filter(pk=name).exists():
        return False
    try:
        with transaction.atomic():
            Routine.objects.create(name=name, begun_at=now)
    except IntegrityError:
        return False
    return True
