"""Structured logs: one event a line, with the request's or the job's id, and without secrets.

The standard library's loggers are used everywhere; structlog only shapes what they say. ``structlog.contextvars``
carries the ids (``hub/requests.py`` binds the request's, ``workers/supervisor.py`` the job's).
"""

from typing import Any

import structlog

from hub.redaction import redact, redact_value

_TALKATIVE = ("boto3", "botocore", "s3transfer", "urllib3")
_FIRST = ("time", "level", "logger", "event")


def logging_settings(*, format: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: ``json`` for machines, ``text`` for people."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "hub": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "foreign_pre_chain": [
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                    structlog.stdlib.ExtraAdder(),
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_objects,
                    without_secrets,
                    structlog.processors.JSONRenderer() if format == "json" else as_text,
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "hub"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The access line says what these would say.
            "django.request": {"level": "ERROR"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            # At DEBUG these print requests with their signatures, and whole answers.
            **{name: {"level": "INFO" if level == "DEBUG" else level} for name in _TALKATIVE},
        },
    }


def without_objects(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Django adds the request itself to a record, Celery its own: plain values stay, known order first."""
    plain = {name: value for name, value in event.items() if isinstance(value, (str, int, float, bool, list, dict))}
    first = {name: plain.pop(name) for name in _FIRST if name in plain}
    return first | plain


def without_secrets(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Every string of the line, traces too, passes the redaction."""
    return {name: redact_value(value) for name, value in event.items()}


def as_text(logger: Any, method: str, event: dict[str, Any]) -> str:
    """``time LEVEL logger: event key=value`` and the trace below it."""
    trace = event.pop("exception", "")
    rest = " ".join(f"{name}={value}" for name, value in event.items() if name not in _FIRST)
    line = f"{event['time']} {str(event['level']).upper()} {event['logger']}: {event['event']} {rest}".rstrip()
    return redact(f"{line}\n{trace}" if trace else line)
