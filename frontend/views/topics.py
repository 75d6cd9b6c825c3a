"""Tasks and languages: what there is for each, and the adapters of one."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.errors import NotFound
from catalog.evaluations.models import EvaluationSet, SetRevision
from catalog.search.queries import SearchQuery, facets, search
from frontend.search_form import facet_groups, search_url

MOST_TOPICS = 200
MOST_SETS = 20
PAGE_ROWS = 20


def task_list(request: HttpRequest) -> HttpResponse:
    """Every task that an adapter names, the most frequent first."""
    return _listed(request, "task")


def language_list(request: HttpRequest) -> HttpResponse:
    """Every language that an adapter names, the most frequent first."""
    return _listed(request, "language")


def task_page(request: HttpRequest, task: str) -> HttpResponse:
    """The adapters for one task, what they are made on, and the sets that measure it. Raises NotFound."""
    return _topic(request, "task", task)


def language_page(request: HttpRequest, tag: str) -> HttpResponse:
    """The adapters for one language, its regional forms included. Raises NotFound."""
    return _topic(request, "language", tag)


def _listed(request: HttpRequest, kind: str) -> HttpResponse:
    counts = facets(SearchQuery(), request.user, most=MOST_TOPICS)
    return render(request, f"topic/{kind}s.html", {"topics": getattr(counts, kind), "is_exact": counts.is_exact})


def _topic(request: HttpRequest, kind: str, value: str) -> HttpResponse:
    value = value.replace("\0", "")
    query = SearchQuery(task=value) if kind == "task" else SearchQuery(language=value)
    page = search(query, request.user, cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    sets = _sets(request, kind, value)
    if not page.rows and not sets:
        raise NotFound(detail=f"nothing here is for the {kind} {value!r}", hint=f"The list of {kind}s has all of them.")
    counts = facets(query, request.user, most=8)
    groups = [group for group in facet_groups(query, counts) if group.name not in (kind, "namespace")]
    context = {
        "kind": kind,
        "value": value,
        "page": page,
        "groups": groups,
        "are_facets_exact": counts.is_exact,
        "sets": sets,
        "more_url": f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else "",
        "search_url": search_url(query),
    }
    return render(request, "topic/page.html", context)


def _sets(request: HttpRequest, kind: str, value: str) -> list[SetRevision]:
    """Newest revisions of the evaluation sets that name the task or the language."""
    named = {"task": {"task": value}, "language": {"languages__icontains": f'"{value}"'}}[kind]
    seen = EvaluationSet.objects.visible_to(request.user).offered()
    found = SetRevision.objects.filter(evaluation_set__in=seen, withdrawn_at=None, **named)
    found = found.select_related("evaluation_set__namespace").order_by("evaluation_set__folded", "-number")
    newest = {row.evaluation_set_id: row for row in reversed(list(found[:MOST_SETS]))}
    return sorted(newest.values(), key=str)
