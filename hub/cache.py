"""The cache on Redis, for counts that all processes share. Without Redis each process counts for itself."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 5.0


class PatientRedisCache(RedisCache):
    """Django's Redis cache that falls back to this process's memory while Redis is away, so that nobody is locked out.

    After a failure Redis is left alone for a few seconds: a request must not wait for it again and again.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        plain = {name: value for name, value in params.items() if name != "OPTIONS"}
        self._fallback = LocMemCache("while-redis-is-away", plain)
        self._away_until = 0.0

    def add(self, *given: Any, **named: Any) -> Any:
        """See Django's cache API; so for the others."""
        return self._first("add", super().add, given, named)

    def get(self, *given: Any, **named: Any) -> Any:
        return self._first("get", super().get, given, named)

    def set(self, *given: Any, **named: Any) -> Any:
        return self._first("set", super().set, given, named)

    def incr(self, *given: Any, **named: Any) -> Any:
        return self._first("incr", super().incr, given, named)

    def delete(self, *given: Any, **named: Any) -> Any:
        return self._first("delete", super().delete, given, named)

    def _first(self, name: str, ask: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        from redis.exceptions import RedisError

        if time.monotonic() >= self._away_until:
            try:
                return ask(*given, **named)
            except (RedisError, OSError) as error:
                log.warning("Redis is away (%s): limits are counted by each process alone", type(error).__name__)
                self._away_until = time.monotonic() + _PAUSE_SECONDS
        return self._counted_alone(name, given, named)

    def _counted_alone(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if name == "incr":
            self._fallback.add(given[0], 0)
        return getattr(self._fallback, name)(*given, **named)
