"""``/derivations``: what the hub computed from what, how it was asked for, and what it came to."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.derivations.models import Derivation, DerivationKind, DerivationState
from catalog.derivations.queries import find_derivations, get_derivation, told_to
from catalog.derivations.reproducing import request_reproduction
from catalog.jobs.models import Job
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.jobs import JobOutput
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Output,
    cursor_and_limit,
    page_response,
    page_schema,
    refuse_unknown_parameters,
)


class ParentOutput(Output):
    """One revision that something was computed from; the name and the digests stay when the bytes are gone."""

    adapter = serializers.CharField(source="full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField()
    role = serializers.CharField()
    weight = serializers.FloatField(allow_null=True)
    digests = serializers.DictField(child=serializers.CharField())

    def get_version(self, parent: Any) -> str | None:
        """The version tag that it had."""
        return parent.version or None


class DerivationOutput(Output):
    """One computation: what it makes, out of what, exactly how, and what it came to."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(DerivationKind.values)
    state = serializers.ChoiceField(DerivationState.values)
    adapter = serializers.CharField(source="target.full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField(source="revision.commit_id", default=None, allow_null=True)
    revision_state = serializers.CharField(source="revision.state", default=None, allow_null=True)
    parents = ParentOutput(many=True, source="parents.all")
    recipe = serializers.SerializerMethodField()
    made_with = serializers.JSONField()
    report = serializers.SerializerMethodField()
    error = serializers.JSONField(allow_null=True)
    job = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True)

    def get_version(self, derivation: Derivation) -> str | None:
        """The version of the result, or the one that was asked for."""
        version = getattr(derivation.revision, "version", None)
        return version.name if version else derivation.version or None

    def get_recipe(self, derivation: Derivation) -> dict[str, Any]:
        """Every parameter; sets that the caller may not see are not named."""
        return told_to(self.context["request"].user, derivation.recipe)

    def get_report(self, derivation: Derivation) -> dict[str, Any]:
        """Errors, norms, bytes, scores: what this kind of computation reports."""
        return told_to(self.context["request"].user, derivation.report)

    def get_job(self, derivation: Derivation) -> str | None:
        """The job that computes it, for those who may see the job."""
        return str(derivation.job_id) if derivation.job_id in self.context["jobs"] else None


class DerivationsView(APIView):
    """What was computed here, newest first."""

    @extend_schema(
        operation_id="derivations_list",
        summary="List what was computed from other adapters",
        parameters=[
            OpenApiParameter("adapter", str, description="The result: namespace/name, or with @version"),
            OpenApiParameter("kind", str, enum=DerivationKind.values),
            OpenApiParameter("state", str, enum=DerivationState.values),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(DerivationOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"adapter", "kind", "state"})
        given = {name: request.query_params.get(name, "") for name in ("adapter", "kind", "state")}
        cursor, limit = cursor_and_limit(request)
        page = page_of(find_derivations(request.user, **given), ("-created_at", "-id"), cursor=cursor, limit=limit)
        return page_response(page, DerivationOutput, request, jobs=jobs_seen(request, page.rows))


class DerivationView(APIView):
    """One of them."""

    @extend_schema(summary="Show a derivation", responses=DerivationOutput)
    def get(self, request: Request, derivation_id: int) -> Response:
        return Response(shown(request, get_derivation(request.user, derivation_id)))


class ReproduceView(APIView):
    """One of them, computed again."""

    @extend_schema(
        summary="Compute it again from its recipe, and compare the digests", request=None, responses={202: JobOutput}
    )
    def post(self, request: Request, derivation_id: int) -> Response:
        actor = actor_of(request)
        job = request_reproduction(actor, get_derivation(actor, derivation_id))
        return Response(JobOutput(job).data, status=202)


def shown(request: Request, derivation: Derivation) -> dict[str, Any]:
    """A derivation as JSON, for the caller's eyes."""
    context = {"request": request, "jobs": jobs_seen(request, [derivation])}
    return dict(DerivationOutput(derivation, context=context).data)


def jobs_seen(request: Request, rows: Iterable[Derivation]) -> set[object]:
    """Which of the derivations' jobs the caller may see."""
    wanted = {row.job_id for row in rows if row.job_id}
    return set(Job.objects.visible_to(request.user).filter(pk__in=wanted).values_list("pk", flat=True))
