"""The audit log as a page: filtered, the newest first, never changed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache

from catalog.errors import InvalidInput
from catalog.reviews.audit import AuditFilter, actions_of, read_log

PAGE_ROWS = 50
_EXACT = ("actor", "action", "namespace", "subject")


@never_cache
@login_required
def audit_page(request: HttpRequest) -> HttpResponse:
    """What the viewer may read of the log. Raises InvalidInput for a day that is none, or a foreign cursor."""
    given = {name: request.GET.get(name, "").strip() for name in (*_EXACT, "since", "until")}
    last = _midnight(given["until"], "until")
    wanted = AuditFilter(
        **{name: given[name] for name in _EXACT},
        since=_midnight(given["since"], "since"),
        until=last + timedelta(days=1) if last else None,
    )
    page = read_log(request.user, wanted, cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    query = {name: value for name, value in given.items() if value}
    context: dict[str, Any] = {
        "page": page,
        "given": given,
        "actions": actions_of(request.user),
        "is_narrowed": bool(query),
        "more_url": f"{request.path}?{urlencode({**query, 'cursor': page.next_cursor})}" if page.next_cursor else "",
    }
    return render(request, "audit/page.html", context)


def _midnight(day: str, field: str) -> datetime | None:
    if not day:
        return None
    try:
        found = parse_date(day)
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput(detail=f"{day[:40]!r} is no day", field=field, hint="Write 2027-01-31.")
    return datetime(found.year, found.month, found.day, tzinfo=UTC)
