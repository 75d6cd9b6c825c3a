"""Push an adapter from a browser: a form that sends its files by itself, or part by part where scripts run."""

from typing import IO, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.adapters.models import Visibility
from catalog.bases.models import BaseModel, BaseState
from catalog.errors import DomainError, InvalidInput
from catalog.taxonomy.tasks import all_tasks
from catalog.uploads.metadata import Metadata
from catalog.uploads.services import Finished, SentFile, push_whole
from frontend.errors import status_of
from frontend.search_form import typed

MOST_BASES = 200


@never_cache
@login_required
def push_page(request: HttpRequest) -> HttpResponse:
    """The form, and what it sends without a script; errors stand above it."""
    user = cast(User, request.user)
    error: DomainError | None = None
    if request.method == "POST":
        try:
            finished = _push(request, user)
        except DomainError as refused:
            error = refused
        else:
            return _follow(request, finished)
    context: dict[str, Any] = {
        "error": error,
        "posted": request.POST or request.GET,
        "namespaces": Namespace.objects.live()
        .filter(memberships__user=user, memberships__role__in=WRITE_ROLES)
        .order_by("name"),
        "bases": BaseModel.objects.filter(state=BaseState.READY).order_by("folded", "revision")[:MOST_BASES],
        "tasks": all_tasks(),
        "most_bytes": settings.HUB_MAX_FILE_BYTES,
    }
    return render(request, "push/new.html", context, status=status_of(error) if error else 200)


def _push(request: HttpRequest, user: User) -> Finished:
    sent = request.FILES.getlist("files")
    if not sent:
        raise InvalidInput(
            detail="no file was chosen",
            field="files",
            hint="Choose adapter_model.safetensors and adapter_config.json, with README.md if there is one.",
        )
    given = request.POST
    said = Metadata(
        base=typed(given, "base"),
        task=typed(given, "task"),
        languages=given.get("languages", "").replace(",", " ").split()[:200],
        license=typed(given, "license"),
        summary=typed(given, "summary"),
    )
    return push_whole(
        user,
        [SentFile(file.name or "", file.size or 0, cast(IO[bytes], file)) for file in sent],
        adapter=f"{typed(given, 'namespace')}/{typed(given, 'name')}",
        metadata=said,
        version=typed(given, "version"),
        visibility=typed(given, "visibility") or Visibility.PUBLIC,
    )


def _follow(request: HttpRequest, finished: Finished) -> HttpResponse:
    """To the job that validates it, or to the version that was there already."""
    revision = finished.revision
    assert revision is not None, "every byte passed through the hub, so that nothing is left to receive"
    if revision.validation_job_id is not None and finished.is_new:
        messages.success(request, gettext("It arrived. The hub looks at its files now."))
        return redirect("job", revision.validation_job_id)
    messages.success(request, gettext("Exactly these files were here already."))
    return redirect("adapter", revision.adapter.namespace.name, revision.adapter.name)
