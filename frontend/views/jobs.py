"""A job: what, for whom, since when, how far."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from catalog.errors import NotFound
from catalog.jobs.models import FINAL_STATES, Job


@never_cache
def job_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The job, if the viewer may see it; htmx asks for its moving part alone. Raises NotFound."""
    job = Job.objects.visible_to(request.user).select_related("created_by", "namespace").filter(pk=job_id).first()
    if job is None:
        raise NotFound(detail=f"no job {job_id} that you may see", hint="Sign in as its owner.")
    template = "job/progress.html" if request.htmx else "job/page.html"  # type: ignore[attr-defined]
    context = {
        "job": job,
        "title": job.kind.replace("_", " ").capitalize(),
        "is_final": job.state in FINAL_STATES,
        "percent": round(job.progress * 100),
    }
    return render(request, template, context)
