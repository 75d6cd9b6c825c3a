"""``/jobs``: what runs, how far it is, how it ended; ``/workers``: who runs it."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.querysets import is_staff
from catalog.errors import NotFound, NotPermitted
from catalog.jobs.events import events_of
from catalog.jobs.heartbeats import worker_lines
from catalog.jobs.models import Job
from catalog.jobs.services import acknowledge, cancel, retry
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Input,
    Output,
    cursor_and_limit,
    page_response,
    page_schema,
    read,
    refuse_unknown_parameters,
    truth,
)


class JobOutput(Output):
    """A job."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    queue = serializers.CharField()
    priority = serializers.CharField(source="priority_name")
    state = serializers.CharField()
    is_dead_letter = serializers.BooleanField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    is_cancel_requested = serializers.BooleanField()
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


class EventOutput(Output):
    """One line of a job's log."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    attempt = serializers.IntegerField()
    who = serializers.CharField()
    note = serializers.CharField()


class JobWithLogOutput(JobOutput):
    """A job and the last lines of its log."""

    events = serializers.SerializerMethodField()

    @extend_schema_field(EventOutput(many=True))
    def get_events(self, job: Job) -> list[dict[str, Any]]:
        """At most a hundred, the oldest first."""
        return list(EventOutput(events_of(job), many=True).data)


class WorkerOutput(Output):
    """A process that runs jobs."""

    name = serializers.CharField(source="worker.name")
    host = serializers.CharField(source="worker.host")
    pid = serializers.IntegerField(source="worker.pid")
    queues = serializers.ListField(source="worker.queues", child=serializers.CharField())
    started_at = serializers.DateTimeField(source="worker.started_at")
    seen_at = serializers.DateTimeField(source="worker.seen_at")
    is_stopping = serializers.BooleanField(source="worker.is_stopping")
    is_lost = serializers.BooleanField()
    clock_skew_seconds = serializers.FloatField(source="worker.clock_skew_seconds")
    is_clock_wrong = serializers.BooleanField()
    jobs = serializers.ListField(source="job_ids", child=serializers.UUIDField())


class WorkersOutput(Output):
    """Every known worker."""

    results = WorkerOutput(many=True)


class JobsView(APIView):
    """Jobs that the caller may see, newest first."""

    is_login_required = True

    @extend_schema(
        operation_id="jobs_list",
        summary="List jobs",
        parameters=[
            OpenApiParameter("state", str),
            OpenApiParameter("kind", str),
            OpenApiParameter("queue", str),
            OpenApiParameter("dead_letter", bool, description="true: only those that failed without a verdict"),
            OpenApiParameter("acknowledged", bool, description="false: without dead letters that somebody saw to"),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(JobOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"state", "kind", "queue", "dead_letter", "acknowledged"})
        found = Job.objects.visible_to(request.user)
        wanted: dict[str, Any] = {name: request.query_params.get(name) for name in ("state", "kind", "queue")}
        found = found.filter(**{name: value for name, value in wanted.items() if value})
        is_dead_letter = truth(request, "dead_letter")
        if is_dead_letter is not None:
            found = found.filter(is_dead_letter=is_dead_letter)
        is_acknowledged = truth(request, "acknowledged")
        if is_acknowledged is not None:
            found = found.filter(acknowledged_at__isnull=not is_acknowledged)
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("-created_at", "-id"), cursor=cursor, limit=limit), JobOutput, request)


class JobView(APIView):
    """One job, with its log."""

    is_login_required = True

    @extend_schema(summary="Show a job and its log", responses=JobWithLogOutput)
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(JobWithLogOutput(get_job(request, job_id)).data)


class JobCancelView(APIView):
    """Cancel a job."""

    @extend_schema(summary="Cancel a job", request=None, responses=JobOutput)
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(JobOutput(cancel(actor_of(request), get_job(request, job_id))).data)


class JobRetryView(APIView):
    """Let a dead letter run again."""

    write_scope = "admin"

    @extend_schema(summary="Let a dead letter run again", request=None, responses=JobOutput)
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(JobOutput(retry(actor_of(request), get_job(request, job_id))).data)


class AcknowledgementInput(Input):
    """What was found, for the job's log."""

    note = serializers.CharField(max_length=300, allow_blank=True, default="")


class JobAcknowledgeView(APIView):
    """Let a dead letter rest."""

    write_scope = "admin"

    @extend_schema(summary="Acknowledge a dead letter", request=AcknowledgementInput, responses=JobOutput)
    def post(self, request: Request, job_id: UUID) -> Response:
        acknowledged = acknowledge(actor_of(request), get_job(request, job_id), **read(AcknowledgementInput, request))
        return Response(JobOutput(acknowledged).data)


class WorkersView(APIView):
    """The processes that run jobs, for administrators."""

    is_login_required = True

    @extend_schema(operation_id="workers_list", summary="List workers", responses=WorkersOutput)
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set())
        if not is_staff(request.user):
            raise NotPermitted(detail="only an administrator sees the workers")
        return Response({"results": WorkerOutput(worker_lines(), many=True).data})


def get_job(request: Request, job_id: UUID) -> Job:
    """A job that the caller may see. Raises NotFound."""
    job = Job.objects.visible_to(request.user).filter(pk=job_id).first()
    if job is None:
        raise NotFound(detail=f"no job {job_id} that you may see")
    return job
