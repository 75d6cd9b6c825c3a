"""The Celery application. Messages carry only a job's id; the database row is the truth."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")


def make_app() -> Celery:
    """Celery on ``settings.HUB_BROKER_URL``, with results off: jobs keep their own."""
    from django.conf import settings

    application = Celery("hub", broker=settings.HUB_BROKER_URL)
    in_memory = settings.HUB_BROKER_URL.startswith("memory://")
    application.conf.update(
        task_ignore_result=True,
        task_default_queue="cpu",
        task_acks_late=False,
        task_publish_retry=False,
        broker_connection_retry_on_startup=True,
        # The in-memory broker is polled: each look is one check of an empty queue, so look often.
        broker_transport_options={"polling_interval": 0.02} if in_memory else {"socket_connect_timeout": 3},
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        imports=["workers.tasks"],
    )
    # Tasks sent from threads of the web process find this application, not a default one on amqp://.
    application.set_default()
    return application


app = make_app()
