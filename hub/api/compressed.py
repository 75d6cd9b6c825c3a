"""Compressed pulls: fits of a basis, plans, and the bytes of bases and coefficients."""

from typing import Any
from urllib.parse import quote

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Blob
from catalog.adapters.queries import FoundFile
from catalog.errors import NotFound
from catalog.evaluations.models import EvaluationSet
from catalog.families.models import Basis, Fit, FitState
from catalog.families.plans import Plan, plan_family, plan_member, require_ready
from catalog.families.queries import fits_of, get_basis, get_family
from catalog.paging import page_of
from hub.api.files import serve_file
from hub.api.resolve import PlanFileOutput
from hub.api.revisions import FileOutput
from hub.api.shapes import CURSOR, LIMIT, Output, cursor_and_limit, integer, page_response, page_schema

# A compressed member brings these in its coefficients.
_REPLACED = (".safetensors", "adapter_config.json")


class FitOutput(Output):
    """A member on a basis: what it costs, what it misses, and what that did to its scores."""

    adapter = serializers.CharField(source="revision.adapter.full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField(source="revision.commit_id")
    state = serializers.ChoiceField(FitState.values)
    reason = serializers.CharField()
    is_projected = serializers.BooleanField()
    cluster = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    original_bytes = serializers.IntegerField()
    relative_squared_error = serializers.FloatField()
    module_errors = serializers.JSONField()
    scores = serializers.SerializerMethodField()

    def get_version(self, fit: Fit) -> str | None:
        """The version tag of the revision."""
        version = getattr(fit.revision, "version", None)
        return version.name if version else None

    def get_scores(self, fit: Fit) -> list[dict[str, Any]]:
        """Before and after, on the sets that the caller may see."""
        return [score for score in fit.scores if score.get("evaluation_set") in self.context["sets"]]


class BlobOutput(Output):
    """Bytes by digest, and where to get them."""

    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    url = serializers.CharField()


class PlannedMemberOutput(Output):
    """A member: compressed with its coefficients, else to be pulled as it is, with the reason."""

    adapter = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    commit_id = serializers.CharField()
    state = serializers.ChoiceField(FitState.values)
    reason = serializers.CharField()
    relative_squared_error = serializers.FloatField()
    original_bytes = serializers.IntegerField()
    coefficients = BlobOutput(allow_null=True)
    files = PlanFileOutput(many=True)


class CompressedPlanOutput(Output):
    """The plan of a compressed pull."""

    family = serializers.CharField()
    number = serializers.IntegerField()
    method = serializers.CharField()
    base_model = serializers.JSONField()
    basis = BlobOutput()
    members = PlannedMemberOutput(many=True)


class FitsView(APIView):
    """What became of each member."""

    @extend_schema(
        operation_id="basis_fits_list",
        summary="List the members on a basis that the caller may see",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(FitOutput),
    )
    def get(self, request: Request, namespace: str, name: str, number: int) -> Response:
        found = fits_of(request.user, _basis(request, namespace, name, number))
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("pk",), cursor=cursor, limit=limit)
        return page_response(page, FitOutput, request, sets=sets_seen(request, list(page.rows)))


class BasisFileView(APIView):
    """The bytes of a basis."""

    @extend_schema(summary="Download a basis", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, namespace: str, name: str, number: int) -> HttpResponseBase:
        basis = require_ready(_basis(request, namespace, name, number))
        return _serve(request, basis.blob, name=f"{name}-{number}.safetensors")


class CoefficientsView(APIView):
    """The bytes of a member's coefficients."""

    @extend_schema(
        summary="Download the coefficients of a member",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, namespace: str, name: str, number: int, commit_id: str) -> HttpResponseBase:
        basis = require_ready(_basis(request, namespace, name, number))
        fit = fits_of(request.user, basis).filter(revision__commit_id=commit_id, state=FitState.COMPRESSED).first()
        if fit is None or fit.blob is None:
            raise NotFound(detail=f"{basis} has no coefficients of {commit_id[:40]!r} that you may see")
        return _serve(request, fit.blob, name=f"{commit_id[:12]}.safetensors")


class FamilyPlanView(APIView):
    """The plan of a whole family."""

    @extend_schema(
        summary="Plan the compressed pull of a family",
        parameters=[OpenApiParameter("basis", int, description="The current one without it")],
        responses=CompressedPlanOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        family = get_family(request.user, f"{namespace}/{name}")
        return Response(_plan(request, plan_family(request.user, family, number=integer(request, "basis"))))


class AdapterPlanView(APIView):
    """The plan of one adapter."""

    @extend_schema(
        summary="Plan the compressed pull of an adapter",
        parameters=[
            OpenApiParameter("version", str, description="The default version without it"),
            OpenApiParameter("family", str, description="The newest basis of any family without it"),
        ],
        responses=CompressedPlanOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        asked = request.query_params
        family = get_family(request.user, asked["family"]) if asked.get("family") else None
        reference = f"{namespace}/{name}" + (f"@{asked['version']}" if asked.get("version") else "")
        return Response(_plan(request, plan_member(request.user, reference, family=family)))


def sets_seen(request: Request, fits: list[Fit]) -> set[str]:
    """Names of the evaluation sets in the fits' scores that the caller may see."""
    ids = {score.get("evaluation_set_id") for fit in fits for score in fit.scores}
    seen = EvaluationSet.objects.visible_to(request.user).filter(pk__in=ids - {None}).select_related("namespace")
    return {shown.full_name for shown in seen}


def _basis(request: Request, namespace: str, name: str, number: int) -> Basis:
    return get_basis(request.user, get_family(request.user, f"{namespace}/{name}"), number)


def _serve(request: Request, blob: Blob | None, *, name: str) -> HttpResponseBase:
    if blob is None:
        raise NotFound(detail=f"no bytes of {name}")
    return serve_file(request, FoundFile(0, blob.sha256, blob.size_bytes, blob.state), name=name)


def _plan(request: Request, plan: Plan) -> dict[str, Any]:
    family, base = plan.basis.family, plan.basis.family.base_model
    root = f"/api/v1/families/{family.full_name}/bases/{plan.basis.number}"
    return {
        "family": family.full_name,
        "number": plan.basis.number,
        "method": plan.basis.method,
        "base_model": {
            "id": base.name,
            "revision": base.revision,
            "config_digest": base.config_digest,
            "weights": base.weights,
        },
        "basis": _blob(request, plan.basis.blob, f"{root}/file"),
        "members": [_member(request, fit, root) for fit in plan.fits],
    }


def _member(request: Request, fit: Fit, root: str) -> dict[str, Any]:
    revision, version = fit.revision, getattr(fit.revision, "version", None)
    is_compressed = fit.state == FitState.COMPRESSED
    where = f"/api/v1/adapters/{revision.adapter.full_name}/files/{revision.commit_id}"
    files = [
        {**FileOutput(file).data, "url": request.build_absolute_uri(f"{where}/{quote(file.path)}")}
        for file in revision.files.all()
        if not is_compressed or not file.path.endswith(_REPLACED)
    ]
    return {
        "adapter": revision.adapter.full_name,
        "version": version.name if version else None,
        "commit_id": revision.commit_id,
        "state": fit.state,
        "reason": fit.reason,
        "relative_squared_error": fit.relative_squared_error,
        "original_bytes": fit.original_bytes,
        "coefficients": _blob(
            request, fit.blob if is_compressed else None, f"{root}/coefficients/{revision.commit_id}"
        ),
        "files": files,
    }


def _blob(request: Request, blob: Blob | None, path: str) -> dict[str, Any] | None:
    if blob is None:
        return None
    return {"sha256": blob.sha256, "size_bytes": blob.size_bytes, "url": request.build_absolute_uri(path)}
