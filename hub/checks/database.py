"""What only the database itself can tell; `manage.py check --database default` and `migrate` ask it."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

_INVALID = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace ORDER BY 1
"""
_HAS_TRIGRAMS = "SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'"


@register(Tags.database)
def check_invalid_indexes(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """hub.W010: an index that a migration could not finish costs every write and helps no reader."""
    invalid = [name for (name,) in _ask(databases, _INVALID)]
    return [
        Warning(
            f"the index {name} is invalid: its building was interrupted",
            hint=f'REINDEX INDEX CONCURRENTLY "{name}"; or drop it and migrate again.',
            id="hub.W010",
        )
        for name in invalid
    ]


@register(Tags.database)
def check_trigrams(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """hub.W011: PostgreSQL without pg_trgm proposes only frequent values for a mistyped one."""
    if not _postgres(databases) or _ask(databases, _HAS_TRIGRAMS):
        return []
    return [
        Warning(
            "the extension pg_trgm is not in the database: the search proposes only frequent values for a mistyped one",
            hint="As a superuser of that database: CREATE EXTENSION pg_trgm; then `manage.py search_indexes`.",
            id="hub.W011",
        )
    ]


def _postgres(databases: Sequence[str] | None) -> bool:
    return bool(databases) and connections["default"].vendor == "postgresql"


def _ask(databases: Sequence[str] | None, question: str) -> list[tuple[str, ...]]:
    if not _postgres(databases):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())
