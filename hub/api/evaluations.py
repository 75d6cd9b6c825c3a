"""``/evaluations``: ask for measurements, see them, run them again."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.evaluations.grouping import Requested
from catalog.evaluations.models import Cause, Evaluation, EvaluationState, Harness
from catalog.evaluations.queries import find_evaluations, get_evaluation, predictions_of, reference_of
from catalog.evaluations.requesting import request_evaluations, run_again
from catalog.jobs.models import Job
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.jobs import JobOutput
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
)


class EvaluationOutput(Output):
    """A measurement: of what, on what, how, and what came of it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(EvaluationState.values)
    cause = serializers.ChoiceField(Cause.values)
    adapter = serializers.CharField(source="revision.adapter.full_name", default=None, allow_null=True)
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField(source="revision.commit_id", default=None, allow_null=True)
    companion = serializers.SerializerMethodField()
    base_model = serializers.SerializerMethodField()
    evaluation_set = serializers.CharField(source="set_revision.evaluation_set.full_name")
    set_revision = serializers.IntegerField(source="set_revision.number")
    set_digest = serializers.CharField(source="set_revision.digest")
    harness = serializers.ChoiceField(Harness.values, source="set_revision.harness")
    metric = serializers.CharField(source="set_revision.metric")
    settings = serializers.JSONField()
    error = serializers.JSONField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    score_low = serializers.FloatField(allow_null=True)
    score_high = serializers.FloatField(allow_null=True)
    metrics = serializers.JSONField()
    efficiency = serializers.JSONField()
    predictions_digest = serializers.CharField()
    used = serializers.JSONField()
    versions = serializers.JSONField()
    seconds = serializers.FloatField(allow_null=True)
    job = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    measured_at = serializers.DateTimeField(allow_null=True)

    def get_version(self, evaluation: Evaluation) -> str | None:
        """The version tag of the revision, None for a base model alone."""
        version = getattr(evaluation.revision, "version", None)
        return version.name if version else None

    def get_companion(self, evaluation: Evaluation) -> str | None:
        """The second adapter that acted beside the first, as ``org/name@version`` or with its commit."""
        return reference_of(evaluation.companion) if evaluation.companion is not None else None

    def get_base_model(self, evaluation: Evaluation) -> dict[str, str]:
        """Id and revision of the base model."""
        return {"id": evaluation.base_model.name, "revision": evaluation.base_model.revision}

    def get_job(self, evaluation: Evaluation) -> str | None:
        """The job that measures it, for those who may see the job."""
        return str(evaluation.job_id) if evaluation.job_id in self.context["jobs"] else None


class EvaluationInput(Input):
    """What to measure."""

    adapters = serializers.ListField(child=serializers.CharField(max_length=300), default=list, max_length=100)
    base_model = serializers.CharField(max_length=300, default="", allow_blank=True)
    companion = serializers.CharField(max_length=300, default="", allow_blank=True)
    evaluation_set = serializers.CharField(max_length=220)
    settings = serializers.DictField(default=dict)


class RequestedOutput(Output):
    """Evaluations on their way, in the order of the request, and the jobs that measure them."""

    evaluations = EvaluationOutput(many=True)
    jobs = JobOutput(many=True)


class PredictionsOutput(Output):
    """Every answer, in the order of the set's rows."""

    evaluation = serializers.UUIDField()
    digest = serializers.CharField()
    columns = serializers.DictField(child=serializers.JSONField())


class EvaluationsView(APIView):
    """Measurements that the caller may see, newest first."""

    @extend_schema(
        operation_id="evaluations_list",
        summary="List evaluations",
        parameters=[
            OpenApiParameter("adapter", str, description="namespace/name, or with @version"),
            OpenApiParameter("set", str, description="namespace/name, or with @revision"),
            OpenApiParameter("base_model", str),
            OpenApiParameter("state", str, enum=EvaluationState.values),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(EvaluationOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"adapter", "set", "base_model", "state"})
        given = request.query_params
        found = find_evaluations(
            request.user,
            adapter=given.get("adapter", ""),
            evaluation_set=given.get("set", ""),
            base_model=given.get("base_model", ""),
            state=given.get("state", ""),
        )
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("-created_at", "-id"), cursor=cursor, limit=limit)
        return page_response(page, EvaluationOutput, request, jobs=_jobs_seen(request, page.rows))

    @extend_schema(
        summary="Measure adapters or a base model", request=EvaluationInput, responses={202: RequestedOutput}
    )
    def post(self, request: Request) -> Response:
        return _accepted(request, request_evaluations(actor_of(request), **read(EvaluationInput, request)))


class EvaluationView(APIView):
    """One measurement."""

    @extend_schema(summary="Show an evaluation", responses=EvaluationOutput)
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        evaluation = get_evaluation(request.user, evaluation_id)
        return Response(EvaluationOutput(evaluation, context={"jobs": _jobs_seen(request, [evaluation])}).data)


class PredictionsView(APIView):
    """The answers of one measurement."""

    @extend_schema(summary="Show every answer of an evaluation", responses=PredictionsOutput)
    def get(self, request: Request, evaluation_id: UUID) -> Response:
        evaluation = get_evaluation(request.user, evaluation_id)
        columns = predictions_of(evaluation)
        return Response({"evaluation": str(evaluation.pk), "digest": evaluation.predictions_digest, "columns": columns})


class RerunView(APIView):
    """Measure the same again."""

    @extend_schema(
        summary="Measure again, with the same settings and seed", request=None, responses={202: RequestedOutput}
    )
    def post(self, request: Request, evaluation_id: UUID) -> Response:
        return _accepted(request, run_again(actor_of(request), get_evaluation(request.user, evaluation_id)))


def _accepted(request: Request, requested: Requested) -> Response:
    context = {"jobs": _jobs_seen(request, requested.evaluations)}
    body = {
        "evaluations": EvaluationOutput(requested.evaluations, many=True, context=context).data,
        "jobs": JobOutput(requested.jobs, many=True).data,
    }
    return Response(body, status=202)


def _jobs_seen(request: Request, evaluations: list[Evaluation]) -> set[Any]:
    """Ids of the jobs of these evaluations that the caller may see."""
    wanted = {evaluation.job_id for evaluation in evaluations if evaluation.job_id}
    return set(Job.objects.visible_to(request.user).filter(pk__in=wanted).values_list("pk", flat=True))
