"""``/adapters/{ns}/{name}/uncertainty``: how much noise an adapter bears, and how calibrated that makes it."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.queries import get_adapter
from catalog.evaluations.models import EvaluationState, Uncertainty
from catalog.evaluations.uncertainty import request_uncertainty, uncertainties_of
from catalog.jobs.models import Job
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class UncertaintyOutput(Output):
    """A search: of which revision, on which set, and what came of it."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(EvaluationState.values)
    adapter = serializers.CharField(source="revision.adapter.full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField(source="revision.commit_id")
    evaluation_set = serializers.CharField(source="set_revision.evaluation_set.full_name")
    set_revision = serializers.IntegerField(source="set_revision.number")
    settings = serializers.JSONField()
    error = serializers.JSONField(allow_null=True)
    sigma = serializers.FloatField(allow_null=True)
    before = serializers.JSONField()
    after = serializers.JSONField()
    used = serializers.JSONField()
    versions = serializers.JSONField()
    seconds = serializers.FloatField(allow_null=True)
    job = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    measured_at = serializers.DateTimeField(allow_null=True)

    def get_version(self, row: Uncertainty) -> str | None:
        """The version tag of the revision."""
        version = getattr(row.revision, "version", None)
        return version.name if version else None

    def get_job(self, row: Uncertainty) -> str | None:
        """The job that searches, for those who may see the job."""
        return str(row.job_id) if row.job_id in self.context["jobs"] else None


class UncertaintyInput(Input):
    """What to search on."""

    version = serializers.CharField(max_length=100, default="", allow_blank=True)
    evaluation_set = serializers.CharField(max_length=220)
    settings = serializers.DictField(default=dict)


class UncertaintyView(APIView):
    """The uncertainties of one adapter."""

    @extend_schema(
        operation_id="uncertainty_list",
        summary="List what is known of an adapter's uncertainty",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(UncertaintyOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        found = uncertainties_of(request.user, get_adapter(request.user, f"{namespace}/{name}"))
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("-created_at", "-id"), cursor=cursor, limit=limit)
        return page_response(page, UncertaintyOutput, request, jobs=_jobs_seen(request, list(page.rows)))

    @extend_schema(
        summary="Search the noise that an adapter bears", request=UncertaintyInput, responses={202: UncertaintyOutput}
    )
    def post(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        row = request_uncertainty(actor, get_adapter(actor, f"{namespace}/{name}"), **read(UncertaintyInput, request))
        return Response(UncertaintyOutput(row, context={"jobs": _jobs_seen(request, [row])}).data, status=202)


def _jobs_seen(request: Request, rows: list[Uncertainty]) -> set[object]:
    wanted = {row.job_id for row in rows if row.job_id}
    return set(Job.objects.visible_to(request.user).filter(pk__in=wanted).values_list("pk", flat=True))
