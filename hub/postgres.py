"""A connection to PostgreSQL that never waits for ever, even where the network swallows every packet."""

import select
import time
from typing import Any

import psycopg
from psycopg import errors

_HEALTH_SECONDS = 2.0
# For so long after its last word a server is taken to be there, unless something lies unread on the connection.
_FRESH_SECONDS = 2.0


def bounded_connection(seconds: float | None) -> type[psycopg.Connection[Any]]:
    """A class of connections on which the server must answer within ``seconds`` (None: whenever it likes).

    The server's own ``statement_timeout`` is shorter and ends a slow statement politely; this one is for a server
    that cannot be heard. The connection is closed then, and the caller sees an OperationalError.
    """

    class BoundedConnection(psycopg.Connection[Any]):
        patience: float | None = seconds
        heard_at = 0.0

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                answer = super().wait(gen, interval, timeout or self.patience)
                self.heard_at = time.monotonic()
                return answer
            except errors._WaitTimeout as error:
                self.close()
                raise psycopg.OperationalError("the database server did not answer in time") from error

        def execute(self, *given: Any, **named: Any) -> Any:
            # Of all callers only the pool's check of a connection's health asks the connection itself.
            if time.monotonic() - self.heard_at < _FRESH_SECONDS and not _is_readable(self):
                return None
            before, self.patience = self.patience, _HEALTH_SECONDS
            try:
                return super().execute(*given, **named)
            finally:
                self.patience = before

    return BoundedConnection


def _is_readable(connection: psycopg.Connection[Any]) -> bool:
    """Whether something lies unread on an idle connection: a server that ends or restarts says so, or hangs up."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
