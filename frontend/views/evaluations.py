"""One evaluation: its metrics with intervals, how it was measured, and the button that measures it again."""

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import get_evaluation
from catalog.evaluations.requesting import run_again
from catalog.evaluations.standing import with_bases
from catalog.jobs.models import Job
from frontend.scores import cost_rows, how_measured, inside_of, metric_rows, score_lines


@never_cache
def evaluation_page(request: HttpRequest, evaluation_id: UUID) -> HttpResponse:
    """The evaluation, if the viewer may see its set and its adapter. Raises NotFound."""
    evaluation = get_evaluation(request.user, evaluation_id)
    context: dict[str, Any] = {
        "evaluation": evaluation,
        "on": evaluation.set_revision,
        "revision": evaluation.revision,
        "metrics": metric_rows(evaluation),
        "how": how_measured(evaluation),
        "costs": cost_rows(evaluation),
        "inside": inside_of(evaluation),
        "badge_url": _badge_url(evaluation),
        "hub_url": request.build_absolute_uri("/").rstrip("/"),
        "line": score_lines(with_bases(request.user, [evaluation]))[0] if evaluation.score is not None else None,
        "job": Job.objects.visible_to(request.user).filter(evaluations=evaluation).first(),
        "can_run": may_run(request, evaluation),
    }
    return render(request, "evaluation/page.html", context)


@require_POST
@login_required
def run_again_page(request: HttpRequest, evaluation_id: UUID) -> HttpResponse:
    """Measure the same again. Raises NotFound, NotPermitted, and what the request itself is refused for."""
    evaluation = get_evaluation(request.user, evaluation_id)
    requested = run_again(cast(User, request.user), evaluation)
    messages.success(request, gettext("It waits to be measured again."))
    return redirect("evaluation", requested.evaluations[0].pk)


def may_run(request: HttpRequest, evaluation: Evaluation) -> bool:
    """Whether the set has its rows, and the viewer writes where it is, or where the adapter is."""
    if evaluation.set_revision.withdrawn_at is not None:
        return False
    places = [evaluation.set_revision.evaluation_set.namespace]
    if evaluation.revision is not None:
        places.append(evaluation.revision.adapter.namespace)
    return request.user.is_authenticated and any(role_in(request.user, place) in WRITE_ROLES for place in places)


def _badge_url(evaluation: Evaluation) -> str:
    """The address of the adapter's badge on this set, for what everybody may see; empty otherwise."""
    revision, on = evaluation.revision, evaluation.set_revision.evaluation_set
    if revision is None or revision.state != "published" or "private" in (revision.adapter.visibility, on.visibility):
        return ""
    return f"/api/v1/adapters/{revision.adapter.full_name}/badge.svg?{urlencode({'set': on.full_name}, safe='/')}"
