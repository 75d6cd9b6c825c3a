"""Records: the list of what other catalogues describe, and one of them."""

from typing import Any
from urllib.parse import urlsplit

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.bases.queries import find_base
from catalog.collections.queries import collections_with
from catalog.paging import page_of
from catalog.records.models import Record
from catalog.records.queries import find_records, get_record
from catalog.taxonomy.domains import cautions_of
from catalog.taxonomy.languages import language_name
from catalog.taxonomy.methods import find_method
from catalog.taxonomy.tasks import find_task
from frontend.search_form import typed

PAGE_ROWS = 50
MOST_VERSIONS = 200
# Shown in rows of their own, or not worth one.
_SHOWN = {"description", "license", "extra", "citation", "dependencies", "author_url", "task", "method"}


def record_list(request: HttpRequest) -> HttpResponse:
    """The records of every source, by name; ``q`` and ``source`` narrow the list."""
    text, source = typed(request.GET, "q"), typed(request.GET, "source")
    found = find_records(request.user, text=text, source=source)
    page = page_of(found, ("source", "path"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    kept = request.GET.copy()
    kept["cursor"] = page.next_cursor or ""
    sources = Record.objects.visible_to(request.user).values("source").annotate(count=Count("pk")).order_by("source")
    context = {
        "page": page,
        "text": text,
        "source": source,
        "sources": sources,
        "more_url": f"?{kept.urlencode()}" if page.next_cursor else "",
    }
    return render(request, "record/list.html", context)


def record_page(request: HttpRequest, source: str, path: str) -> HttpResponse:
    """What another catalogue says of an adapter, and what was read otherwise than it was written. Raises NotFound."""
    record = get_record(request.user, f"{source}/{path}")
    versions = list(record.versions.all())
    claims = record.claims
    context = {
        "record": record,
        "versions": [(row, _host(row.url)) for row in versions[:MOST_VERSIONS]],
        "unseen_versions": max(0, len(versions) - MOST_VERSIONS),
        "link": record.link if _host(record.link) else "",
        "author_url": claims.get("author_url") if _host(claims.get("author_url")) else "",
        "base": find_base(record.base_name) if record.base_name else None,
        "task": find_task(record.task),
        "method": find_method(record.method),
        "languages": [(tag, language_name(tag)) for tag in record.languages],
        "claimed": [(name.replace("_", " "), _plainly(value)) for name, value in claims.items() if name not in _SHOWN],
        "cautions": cautions_of(record.task, record.tags),
        "collections": collections_with(request.user, record=record),
    }
    return render(request, "record/page.html", context)


def _plainly(value: Any) -> str:
    """A claim as text: a mapping as ``name: value`` in a row, true and false as words."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plainly(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plainly, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _host(address: Any) -> str:
    """The host of a web address; empty for anything that is none, of which no link is made."""
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
    except ValueError:
        return ""
    return (parts.hostname or "") if parts and parts.scheme in ("http", "https") else ""
