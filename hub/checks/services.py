"""Whether the three URLs can be served, and whether they go together."""

import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

from hub.profile import BROKER_SCHEMES, DATABASE_SCHEMES, scheme_of
from hub.redaction import redact
from storage import open_store

_HERE = ("", "127.0.0.1", "localhost", "::1")


@register()
def check_storage(**kwargs: Any) -> list[CheckMessage]:
    """hub.E001: the storage URL names no store that this build can open."""
    try:
        open_store(settings.HUB_STORAGE_URL)
    except ValueError as error:
        hint = "Set HUB_STORAGE_URL to a path or to s3://bucket?endpoint=..."
        return [Error(redact(str(error)), hint=hint, id="hub.E001")]
    return []


@register()
def check_sender(**kwargs: Any) -> list[CheckMessage]:
    """hub.E002: the job sender cannot be imported."""
    try:
        import_string(settings.HUB_JOB_SENDER)
    except ImportError as error:
        return [Error(f"HUB_JOB_SENDER: {error}", hint="Leave it at workers.sender.send.", id="hub.E002")]
    return []


@register()
def check_broker(**kwargs: Any) -> list[CheckMessage]:
    """hub.E007: the broker's URL has a scheme that this build does not serve."""
    if scheme_of(settings.HUB_BROKER_URL) in BROKER_SCHEMES:
        return []
    return [
        Error(
            f"HUB_BROKER_URL is {_shown(settings.HUB_BROKER_URL)!r}; its scheme must be one of {_list(BROKER_SCHEMES)}",
            hint="Use redis://host:6379/0, or unset it for one process on one machine.",
            id="hub.E007",
        )
    ]


@register()
def check_database_url(**kwargs: Any) -> list[CheckMessage]:
    """hub.E008: the database's URL has a scheme that this build does not serve, or names no database."""
    url = settings.DATABASE_URL
    problem = ""
    if url and scheme_of(url) not in DATABASE_SCHEMES:
        problem = f"its scheme must be one of {_list(DATABASE_SCHEMES)}"
    elif scheme_of(url).startswith("postgres") and not urlsplit(url).path.strip("/"):
        problem = "it names no database"
    if not problem:
        return []
    return [
        Error(
            f"DATABASE_URL is {_shown(url)!r}; {problem}",
            hint="Use postgres://user:password@host:5432/name, or unset it for SQLite in HUB_DATA_DIR.",
            id="hub.E008",
        )
    ]


@register()
def check_memory_broker(**kwargs: Any) -> list[CheckMessage]:
    """hub.E006: jobs in the memory of one of several processes; hub.W004: of one of several machines."""
    if scheme_of(settings.HUB_BROKER_URL) != "memory":
        return []
    if settings.HUB_WEB_PROCESSES > 1:
        return [
            Error(
                f"the broker is in the memory of one process, and WEB_CONCURRENCY is {settings.HUB_WEB_PROCESSES}",
                hint="Set HUB_BROKER_URL to a Redis, or run one process with `manage.py serve`.",
                id="hub.E006",
            )
        ]
    host = urlsplit(settings.DATABASE_URL).hostname or ""
    if scheme_of(settings.DATABASE_URL).startswith("postgres") and host not in _HERE:
        return [
            Warning(
                "the database is on another machine and the broker in the memory of this process",
                hint="Right for a single `manage.py serve`. For workers of their own set HUB_BROKER_URL to a Redis.",
                id="hub.W004",
            )
        ]
    return []


@register()
def check_workers_elsewhere(**kwargs: Any) -> list[CheckMessage]:
    """hub.W002: files that workers elsewhere cannot see; hub.W003: a database that they cannot open."""
    if scheme_of(settings.HUB_BROKER_URL) in ("memory", ""):
        return []
    found: list[CheckMessage] = []
    if scheme_of(settings.HUB_STORAGE_URL) in ("", "file"):
        found.append(
            Warning(
                "the broker is Redis and HUB_STORAGE_URL a folder: workers on other machines would not see the files",
                hint="Use s3://..., or a folder that every machine mounts; where all run on one machine, "
                "HUB_SILENCED_CHECKS=hub.W002 ends this warning.",
                id="hub.W002",
            )
        )
    if not scheme_of(settings.DATABASE_URL).startswith("postgres"):
        found.append(
            Warning(
                "the broker is Redis and the database SQLite, which only processes of one machine can share",
                hint="Set DATABASE_URL to a PostgreSQL; where all run on one machine, HUB_SILENCED_CHECKS=hub.W003.",
                id="hub.W003",
            )
        )
    return found


@register()
def check_metrics_of_several_processes(**kwargs: Any) -> list[CheckMessage]:
    """hub.W008: each of several web processes would show its own figures only."""
    if settings.HUB_WEB_PROCESSES > 1 and not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return [
            Warning(
                f"WEB_CONCURRENCY is {settings.HUB_WEB_PROCESSES} and PROMETHEUS_MULTIPROC_DIR is not set: /metrics "
                "shows one process, by chance",
                hint="Set PROMETHEUS_MULTIPROC_DIR to an empty folder of this machine before the processes start.",
                id="hub.W008",
            )
        ]
    return []


def _shown(url: str) -> str:
    """The URL without password, and without what may be one where the URL is malformed."""
    return redact(url) if "://" in url else "(no URL)"


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words)
