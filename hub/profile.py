"""What the URLs of the services mean: which database, which cache, and whether this is a production hub.

Nothing here fails on a wrong value: settings must load so that the system checks (``hub/checks``) can say what is
wrong and how to put it right.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

DATABASE_SCHEMES = ("postgres", "postgresql", "sqlite")
BROKER_SCHEMES = ("memory", "redis", "rediss")
_POSTGRES = ("postgres", "postgresql")
_CONNECT_SECONDS = 3
_POOL_WAIT_SECONDS = 5


def scheme_of(url: str) -> str:
    """``postgres`` of ``postgres://...``; empty for a path."""
    return url.partition("://")[0].lower() if "://" in url else ""


def is_production(*, database_url: str, broker_url: str, storage_url: str, declared: bool) -> bool:
    """Whether this hub runs on services of its own: then no secret has a default and cookies need HTTPS."""
    return (
        declared
        or scheme_of(database_url) in _POSTGRES
        or scheme_of(broker_url) not in ("", "memory")
        or scheme_of(storage_url) == "s3"
    )


def database_settings(
    url: str, data_dir: Path, *, pool_size: int, statement_seconds: int, is_prepared: bool = True
) -> dict[str, Any]:
    """Django's settings of the database at ``url``; empty stands for SQLite in ``data_dir``.

    An unknown scheme gives Django's backend that refuses every query, and a system check that says so.
    """
    scheme = scheme_of(url)
    if scheme in _POSTGRES:
        return _postgres(url, pool_size=pool_size, statement_seconds=statement_seconds, is_prepared=is_prepared)
    if not url or scheme == "sqlite":
        path = url.partition("://")[2]
        # sqlite:///relative, sqlite:////absolute
        return _sqlite(Path(unquote(path.removeprefix("/"))) if path.strip("/") else data_dir / "hub.sqlite3")
    return {"ENGINE": "django.db.backends.dummy"}


def cache_settings(broker_url: str) -> dict[str, Any]:
    """Shared by all processes where there is a Redis; else each process counts for itself."""
    if scheme_of(broker_url) not in ("redis", "rediss"):
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {
        "BACKEND": "hub.cache.PatientRedisCache",
        "LOCATION": broker_url,
        "KEY_PREFIX": "hub",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        # WAL lets readers go on while one writes; IMMEDIATE makes writers queue instead of failing half-way.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
    }


def _postgres(url: str, *, pool_size: int, statement_seconds: int, is_prepared: bool) -> dict[str, Any]:
    from hub.postgres import bounded_connection

    split = urlsplit(url)
    host, port = _host_and_port(split.netloc.rpartition("@")[2])
    milliseconds = statement_seconds * 1000
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(split.path.lstrip("/")),
        "USER": unquote(split.username or ""),
        "PASSWORD": unquote(split.password or ""),
        "HOST": host,
        "PORT": port,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": _CONNECT_SECONDS,
            # None: nothing is prepared, whoever asks for it.
            "prepare_threshold": 5 if is_prepared else None,
            "application_name": "adapter-hub",
            # A server that vanished without a word is noticed while a query waits and while nothing is said.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # jit: compiling a statement that guards who sees what took 200 ms, running it 5.
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={min(milliseconds, 10_000)} "
            "-c idle_in_transaction_session_timeout=120000 -c jit=off",
            "pool": {
                "min_size": 0,
                "max_size": pool_size,
                "timeout": _POOL_WAIT_SECONDS,
                "max_idle": 120,
                "max_lifetime": 1800,
                # After an outage the next request tries at once, instead of waiting out a long pause.
                "reconnect_timeout": 3,
                "connection_class": bounded_connection(statement_seconds + 5 if statement_seconds else None),
            },
            # sslmode, sslrootcert and whatever else libpq knows.
            **dict(parse_qsl(split.query)),
        },
    }


def _host_and_port(location: str) -> tuple[str, str]:
    """``db:5432`` apart, ``[::1]:5432`` too; ``%2Frun%2Fpostgresql`` is a socket's folder."""
    host, separator, port = location.rpartition(":")
    if not separator or port.endswith("]"):
        host, port = location, ""
    return unquote(host.strip("[]")), port
