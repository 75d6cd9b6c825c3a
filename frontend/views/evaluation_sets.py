"""Evaluation sets: the list, and one with its leader board, its costs and its revisions."""

from typing import Any

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.accounts.models import Role
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.bases.models import BaseModel
from catalog.bases.queries import get_base
from catalog.errors import InvalidInput
from catalog.evaluations.boards import leaders
from catalog.evaluations.models import Evaluation, EvaluationSet, SetRevision
from catalog.evaluations.queries import get_set_revision
from catalog.evaluations.standing import with_bases
from catalog.paging import page_of
from frontend.figures.plane import size_against_score
from frontend.scores import board_lines, cost_lines, score_lines
from frontend.search_form import typed

PAGE_ROWS = 50
MOST_REVISIONS = 50
MOST_BASES = 30


def set_list(request: HttpRequest) -> HttpResponse:
    """The sets that the viewer may see, by name."""
    found = EvaluationSet.objects.visible_to(request.user).offered().select_related("namespace")
    offered = Prefetch("revisions", SetRevision.objects.filter(withdrawn_at=None))
    found = found.prefetch_related(offered)
    page = page_of(found, ("folded", "id"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    rows = [(row, next(iter(row.revisions.all()), None)) for row in page.rows]
    more_url = f"{request.path}?cursor={page.next_cursor}" if page.next_cursor else ""
    return render(request, "evaluation/sets.html", {"rows": rows, "page": page, "more_url": more_url})


def set_page(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """A set's newest revision, or the one of ``?revision=2``, with its board. Raises NotFound and InvalidInput.

    ``base`` and ``task`` narrow the board. Another spelling of the name is redirected.
    """
    number = typed(request.GET, "revision")
    if number and not number.isdecimal():
        raise InvalidInput(detail=f"revision is {number[:40]!r}; it must be a whole number", field="revision")
    revision = get_set_revision(request.user, f"{namespace}/{name}{f'@{number}' if number else ''}")
    found = revision.evaluation_set
    if (found.namespace.name, found.name) != (namespace, name):
        return redirect("evaluation-set", found.namespace.name, found.name)
    base_name, task = typed(request.GET, "base"), typed(request.GET, "task")
    board = leaders(request.user, revision, base=get_base(base_name) if base_name else None, task=task)
    measured = [row.evaluation for row in board.rows]
    role = role_in(request.user, found.namespace)
    context: dict[str, Any] = {
        "set": found,
        "can_change": role in WRITE_ROLES,
        "can_withdraw": role == Role.OWNER,
        "on": revision,
        "revisions": list(found.revisions.order_by("-number")[:MOST_REVISIONS]),
        "board": board,
        "lines": board_lines(board.rows),
        "base_lines": score_lines(with_bases(request.user, board.bases)),
        "scatter": size_against_score(measured),
        "costs": cost_lines([*board.bases, *measured]),
        "base_name": base_name,
        "task": task,
        "bases": _bases_of(request, revision),
    }
    return render(request, "evaluation/set.html", context)


def _bases_of(request: HttpRequest, revision: SetRevision) -> list[BaseModel]:
    """Base models with a score on this revision that the viewer may see."""
    measured = Evaluation.objects.visible_to(request.user).filter(set_revision=revision, state="measured")
    found = BaseModel.objects.filter(pk__in=measured.values("base_model")).defer("config")
    return list(found.order_by("folded", "revision")[:MOST_BASES])
