"""``/jobs``: what runs, how far it is, how it ended."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.errors import NotFound
from catalog.jobs.models import Job
from catalog.jobs.services import cancel
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Output,
    cursor_and_limit,
    page_response,
    page_schema,
    refuse_unknown_parameters,
)


class JobOutput(Output):
    """A job."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    queue = serializers.CharField()
    state = serializers.CharField()
    attempts = serializers.IntegerField()
    progress = serializers.FloatField()
    progress_note = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True)
    subject = serializers.SerializerMethodField()

    def get_subject(self, job: Job) -> dict[str, str]:
        """What the job works on."""
        return {"kind": job.subject_kind, "name": job.subject_name}


class JobsView(APIView):
    """Jobs that the caller may see, newest first."""

    is_login_required = True

    @extend_schema(
        operation_id="jobs_list",
        summary="List jobs",
        parameters=[OpenApiParameter("state", str), OpenApiParameter("kind", str), CURSOR, LIMIT],
        responses=page_schema(JobOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"state", "kind"})
        found = Job.objects.visible_to(request.user)
        wanted: dict[str, Any] = {name: request.query_params.get(name) for name in ("state", "kind")}
        found = found.filter(**{name: value for name, value in wanted.items() if value})
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("-created_at", "-id"), cursor=cursor, limit=limit), JobOutput, request)


class JobView(APIView):
    """One job."""

    is_login_required = True

    @extend_schema(summary="Show a job", responses=JobOutput)
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(JobOutput(get_job(request, job_id)).data)


class JobCancelView(APIView):
    """Cancel a job."""

    @extend_schema(summary="Cancel a job", request=None, responses=JobOutput)
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(JobOutput(cancel(actor_of(request), get_job(request, job_id))).data)


def get_job(request: Request, job_id: UUID) -> Job:
    """A job that the caller may see. Raises NotFound."""
    job = Job.objects.visible_to(request.user).filter(pk=job_id).first()
    if job is None:
        raise NotFound(detail=f"no job {job_id} that you may see")
    return job
