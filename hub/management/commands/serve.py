"""``manage.py serve``: the whole hub in one process (web threads, a worker thread and the sweep)."""

import signal
import socket
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from waitress.server import create_server

from catalog.accounts.models import User

_MAX_BODY_BYTES = 256 << 20


class Command(BaseCommand):
    """Serve the hub."""

    help = (
        "Serve the hub: migrate, check, then web server and, with the in-memory broker, a worker thread. "
        "With HUB_BROKER_URL set to Redis, run `celery -A hub worker` beside it instead."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """``--host``, ``--port``, ``--threads``."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--threads", type=int, default=8, help="web threads (default 8)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGINT or SIGTERM."""
        host, port = options["host"], options["port"]
        _require_free(host, port)
        call_command("migrate", verbosity=0, interactive=False)
        with _worker():
            server = create_server(
                _application(),
                host=host,
                port=port,
                threads=options["threads"],
                ident="",
                max_request_body_size=_MAX_BODY_BYTES,
                asyncore_use_poll=True,
                clear_untrusted_proxy_headers=not settings.HUB_PROXIES,
            )
            self._announce(host, port)
            signal.signal(signal.SIGTERM, _raise_exit)
            try:
                server.run()
            finally:
                server.close()
        self.stdout.write("stopped")

    def _announce(self, host: str, port: int) -> None:
        self.stdout.write(
            f"Adapter Hub {settings.HUB_VERSION} at http://{host}:{port} (data in {settings.HUB_DATA_DIR})"
        )
        if not User.objects.filter(is_superuser=True).exists():
            self.stdout.write("No administrator yet: run `python manage.py bootstrap`.")
        self.stdout.flush()


def _application() -> Any:
    # Imported late: making the WSGI application builds the URL map, which must not happen for --help.
    from hub.wsgi import application

    return application


def _worker() -> AbstractContextManager[Any]:
    if not settings.HUB_BROKER_URL.startswith("memory://"):
        return nullcontext()
    from hub.celery import app
    from workers.thread import EmbeddedWorker

    return EmbeddedWorker(app, threads=settings.HUB_WORKER_THREADS)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"{host}:{port} cannot be used ({error.strerror}); choose another with --port"
            ) from error


def _raise_exit(signum: int, frame: Any) -> None:
    raise SystemExit(0)
