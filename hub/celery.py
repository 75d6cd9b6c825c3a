"""The Celery application. A message says that there is one job more; the database row is the truth."""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging, worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")


def make_app() -> Celery:
    """Celery on ``settings.HUB_BROKER_URL``, with results off: jobs keep their own."""
    from django.conf import settings

    application = Celery("hub", broker=settings.HUB_BROKER_URL)
    application.conf.update(
        task_ignore_result=True,
        task_default_queue="cpu",
        task_queues=[Queue(name) for name in ("cpu", "gpu")],
        # Acknowledged when taken: a message lost with its worker is no loss, the row is found by whoever looks next.
        # So nothing is ever delivered a second time, and Redis's visibility timeout does not matter.
        task_acks_late=False,
        task_publish_retry=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(settings.HUB_BROKER_URL),
        # Children are processes of a forkserver, which the daemons of a prefork pool may not have.
        worker_pool="threads",
        worker_concurrency=settings.HUB_WORKER_THREADS,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        imports=["workers.tasks"],
        # Only a nudge: every worker looks for what is due besides, so a dead beat loses nothing.
        beat_schedule={
            "collect garbage": {"task": "hub.collect_garbage", "schedule": crontab(minute=17)},
            "scrub": {"task": "hub.scrub", "schedule": crontab(hour=3, minute=43)},
        },
    )
    application.steps["worker"].add("workers.bootstep:Duties")
    # Tasks sent from threads of the web process find this application, not a default one on amqp://.
    application.set_default()
    return application


def _transport_options(broker_url: str) -> dict[str, Any]:
    if broker_url.startswith("memory://"):
        # The in-memory broker is polled: each look is one check of an empty queue, so look often.
        return {"polling_interval": 0.02}
    # A publish waits no longer than this for a Redis that does not answer; the job's row is written already.
    return {"socket_connect_timeout": 3, "socket_timeout": 3, "connect_retries_timeout": 1}


@setup_logging.connect(weak=False)
def _keep_logging(**kwargs: Any) -> None:
    """Django's logging settings hold in a worker too; Celery's own are left out."""


@worker_init.connect
def _look_before_working(**more: Any) -> None:
    """A worker of its own looks at the system checks first, as a web process does."""
    from django.conf import settings
    from django.core.management.base import SystemCheckError

    from hub.checks import refuse_to_start_wrongly

    try:
        refuse_to_start_wrongly()
    except SystemCheckError as error:
        # Celery logs what else a receiver raises, and goes on.
        raise SystemExit(str(error)) from None
    if settings.HUB_METRICS_PORT:
        from hub.metrics import serve_figures

        serve_figures(settings.HUB_METRICS_PORT, settings.HUB_METRICS_ADDRESS)


app = make_app()
