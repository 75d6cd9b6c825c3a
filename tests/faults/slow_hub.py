"""`celery -A tests.faults.slow_hub worker`: the hub's own worker, whose descriptions of base models take their time."""

from typing import Any

from celery import signals

from hub.celery import app

__all__ = ["app"]


@signals.worker_init.connect(weak=False)
def _slow_down(**kwargs: Any) -> None:
    from workers.kinds import HANDLERS

    HANDLERS["describe_base"].function = "tests.unit.workers.child_functions:describe_slowly"
