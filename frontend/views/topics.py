"""Tasks and languages: what there is for each, and the adapters of one."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from catalog.errors import NotFound
from catalog.evaluations.models import EvaluationSet, SetRevision
from catalog.search.facets import values_of
from catalog.search.queries import FacetValue, SearchQuery, facets, search
from catalog.taxonomy.domains import all_modalities
from catalog.taxonomy.tasks import find_task
from frontend.search_form import facet_groups, search_url

MOST_SETS = 20
PAGE_ROWS = 20


@dataclass(frozen=True)
class TaskGroup:
    """Tasks that begin with the same kind of thing, such as pictures, the most frequent first."""

    title: str
    tasks: list[FacetValue]


def task_list(request: HttpRequest) -> HttpResponse:
    """Every task that an adapter names, by what goes in; tasks that the taxonomy does not know stand last."""
    topics, is_exact = values_of("task", request.user)
    groups: dict[str, list[FacetValue]] = {key: [] for key in [*(row.id for row in all_modalities()), ""]}
    for row in topics:
        known = find_task(row.value)
        groups[known.inputs[0] if known and known.inputs else ""].append(row)
    titles = {row.id: row.label for row in all_modalities()} | {"": _("Other tasks")}
    shown = [TaskGroup(titles[key], rows) for key, rows in groups.items() if rows]
    return render(request, "topic/tasks.html", {"groups": shown, "count": len(topics), "is_exact": is_exact})


def language_list(request: HttpRequest) -> HttpResponse:
    """Every language that an adapter names, the most frequent first."""
    topics, is_exact = values_of("language", request.user)
    return render(request, "topic/languages.html", {"topics": topics, "count": len(topics), "is_exact": is_exact})


def task_page(request: HttpRequest, task: str) -> HttpResponse:
    """The adapters for one task, what they are made on, and the sets that measure it. Raises NotFound."""
    return _topic(request, "task", task)


def language_page(request: HttpRequest, tag: str) -> HttpResponse:
    """The adapters for one language, its regional forms included. Raises NotFound."""
    return _topic(request, "language", tag)


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
