"""Jobs: what, for whom, since when, how far; and for administrators dead letters and workers."""

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from catalog.accounts.models import User
from catalog.accounts.querysets import is_staff
from catalog.derivations.merging import PREVIEW_MERGE
from catalog.errors import NotFound, NotPermitted
from catalog.jobs.deciding import can_acknowledge, can_cancel, can_retry
from catalog.jobs.events import events_of
from catalog.jobs.heartbeats import worker_lines
from catalog.jobs.models import Job
from catalog.jobs.services import acknowledge, cancel, retry
from catalog.paging import page_of
from frontend.deriving import seen_of
from frontend.job_progress import progress_of

PAGE_ROWS = 50
# What the list may be narrowed to: its name in the address, its title, and the condition.
VIEWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "": (_("All"), {}),
    "waiting": (_("Waiting"), {"state": "queued"}),
    "running": (_("Running"), {"state": "running"}),
    "failed": (_("Failed"), {"state": "failed"}),
    "dead": (_("Dead letters"), {"is_dead_letter": True, "acknowledged_at": None}),
    "seen": (_("Acknowledged"), {"acknowledged_at__isnull": False}),
}


@never_cache
@login_required
def job_list(request: HttpRequest) -> HttpResponse:
    """Jobs that the viewer may see, newest first; ``show`` narrows the list. Raises NotFound for an unknown one."""
    shown = request.GET.get("show", "")
    if shown not in VIEWS:
        raise NotFound(detail=f"there is no list of {shown[:40]!r} jobs")
    found = Job.objects.visible_to(request.user).filter(**VIEWS[shown][1])
    page = page_of(found, ("-created_at", "-id"), cursor=request.GET.get("cursor") or None, limit=PAGE_ROWS)
    address = {"show": shown} if shown else {}
    context = {
        "page": page,
        "shown": shown,
        "views": [(name, title) for name, (title, _) in VIEWS.items()],
        "more_url": f"{request.path}?{urlencode({**address, 'cursor': page.next_cursor})}" if page.next_cursor else "",
    }
    return render(request, "job/list.html", context)


@never_cache
@login_required
def workers(request: HttpRequest) -> HttpResponse:
    """The processes that run jobs, and what each runs now. Raises NotPermitted."""
    if not is_staff(request.user):
        raise NotPermitted(detail="only an administrator sees the workers")
    return render(request, "job/workers.html", {"lines": worker_lines()})


@never_cache
def job_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The job, if the viewer may see it; htmx asks for its moving part alone. Raises NotFound."""
    job = _job(request, job_id)
    template = "job/live.html" if request.htmx else "job/page.html"  # type: ignore[attr-defined]
    user = cast(User, request.user)
    progress = progress_of(job)
    context = {
        "job": job,
        "title": job.kind.replace("_", " ").capitalize(),
        "progress": progress,
        "events": events_of(job),
        "can_cancel": not progress.is_final and not job.is_cancel_requested and can_cancel(user, job),
        "can_retry": can_retry(user, job),
        "can_acknowledge": can_acknowledge(user, job),
        "seen": seen_of(job.result) if job.kind == PREVIEW_MERGE and job.result else None,
    }
    return render(request, template, context)


@require_POST
@login_required
def cancel_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancel the job. Raises NotFound, NotPermitted, Conflict."""
    cancel(cast(User, request.user), _job(request, job_id))
    messages.success(request, gettext("The job is told to stop."))
    return redirect("job", job_id)


@require_POST
@login_required
def retry_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Let a dead letter run again. Raises NotFound, NotPermitted, Conflict."""
    retry(cast(User, request.user), _job(request, job_id))
    messages.success(request, gettext("The job waits to run again."))
    return redirect("job", job_id)


@require_POST
@login_required
def acknowledge_job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Let a dead letter rest. Raises NotFound, NotPermitted, Conflict."""
    acknowledge(cast(User, request.user), _job(request, job_id), note=request.POST.get("note", "")[:300])
    messages.success(request, gettext("It waits for nobody any more."))
    return redirect("job", job_id)


def _job(request: HttpRequest, job_id: UUID) -> Job:
    job = Job.objects.visible_to(request.user).select_related("created_by", "namespace").filter(pk=job_id).first()
    if job is None:
        raise NotFound(detail=f"no job {job_id} that you may see", hint="Sign in as its owner.")
    return job
