"""``/base-models``: register, list, show, and hand out shape tables."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.bases.models import BaseModel, BaseModelShapes
from catalog.bases.queries import count_adapters, find_bases, get_base
from catalog.bases.services import DESCRIBE_BASE, register_base
from catalog.errors import NotFound
from catalog.jobs.models import Job
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read

REVISION = OpenApiParameter("revision", str, description="A registered revision; main or the newest otherwise")


class BaseModelOutput(Output):
    """A base model."""

    id = serializers.CharField(source="name")
    revision = serializers.CharField()
    aliases = serializers.SerializerMethodField()
    state = serializers.CharField()
    architecture = serializers.CharField()
    model_type = serializers.CharField()
    config_digest = serializers.CharField()
    shapes_digest = serializers.CharField()
    hidden_size = serializers.IntegerField(allow_null=True)
    layers = serializers.IntegerField(allow_null=True)
    parameters = serializers.IntegerField(allow_null=True)
    modules = serializers.IntegerField(allow_null=True)
    license = serializers.CharField()
    weights = serializers.CharField()
    error = serializers.JSONField(allow_null=True)
    adapters = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    job = serializers.SerializerMethodField()

    def get_aliases(self, base: BaseModel) -> list[str]:
        """Other ids under which it is found."""
        return [alias.name for alias in base.aliases.all()]

    def get_adapters(self, base: BaseModel) -> int:
        """Published public adapters made for it."""
        return int(getattr(base, "adapters", 0))

    def get_job(self, base: BaseModel) -> str | None:
        """The job that builds its shape table, while there is one to wait for."""
        if base.state == "ready":
            return None
        job = Job.objects.filter(kind=DESCRIBE_BASE, payload__base_id=base.pk).order_by("-created_at").first()
        return str(job.pk) if job else None


class BaseModelInput(Input):
    """A base model to register."""

    id = serializers.CharField(max_length=200)
    revision = serializers.CharField(max_length=64, default="main")
    config = serializers.DictField(required=False, allow_null=True)
    shapes = serializers.DictField(required=False, allow_null=True)
    aliases = serializers.ListField(child=serializers.CharField(max_length=200), default=list, max_length=50)
    license = serializers.CharField(max_length=120, allow_blank=True, default="")
    weights = serializers.CharField(max_length=300, allow_blank=True, default="")


class BaseModelsView(APIView):
    """All base models."""

    @extend_schema(
        operation_id="base_models_list",
        summary="List base models",
        parameters=[OpenApiParameter("q", str), CURSOR, LIMIT],
        responses=page_schema(BaseModelOutput),
    )
    def get(self, request: Request) -> Response:
        cursor, limit = cursor_and_limit(request)
        found = find_bases(request.query_params.get("q", "")).prefetch_related("aliases")
        page = page_of(found, ("folded", "id"), cursor=cursor, limit=limit)
        count_adapters(page.rows)
        return page_response(page, BaseModelOutput, request)

    @extend_schema(
        summary="Register a base model",
        request=BaseModelInput,
        responses={200: BaseModelOutput, 201: BaseModelOutput, 202: BaseModelOutput},
    )
    def post(self, request: Request) -> Response:
        body: dict[str, Any] = read(BaseModelInput, request)
        body["name"], body["license_id"] = body.pop("id"), body.pop("license")
        made = register_base(actor_of(request), **body)
        status = 200 if not made.is_new else 202 if made.job else 201
        return Response(BaseModelOutput(made.base, context={"request": request}).data, status=status)


class BaseModelView(APIView):
    """One base model."""

    @extend_schema(summary="Show a base model", parameters=[REVISION], responses=BaseModelOutput)
    def get(self, request: Request, base_id: str) -> Response:
        base = _named(request, base_id)
        count_adapters([base])
        return Response(BaseModelOutput(base, context={"request": request}).data)


class BaseModelShapesView(APIView):
    """A base model's shape table, which `hubclient check` keeps for offline use."""

    @extend_schema(summary="The shape of every module", parameters=[REVISION], responses={200: dict[str, Any]})
    def get(self, request: Request, base_id: str) -> Response:
        base = _named(request, base_id)
        shapes = BaseModelShapes.objects.filter(base=base).first()
        if shapes is None:
            raise NotFound(detail=f"{base} is {base.state}; it has no shape table yet", hint="Wait for its job.")
        body = {"id": base.name, "revision": base.revision, "shapes_digest": base.shapes_digest}
        return Response(body | {"config": base.config, "table": shapes.table})


class BaseModelConfigView(APIView):
    """The config.json that a base model was registered with."""

    @extend_schema(summary="The registered config.json", parameters=[REVISION], responses={200: dict[str, Any]})
    def get(self, request: Request, base_id: str) -> Response:
        base = _named(request, base_id)
        if base.config is None:
            raise NotFound(detail=f"{base} was registered by a shape table alone")
        return Response(base.config)


def _named(request: Request, base_id: str) -> BaseModel:
    revision = request.query_params.get("revision")
    return get_base(f"{base_id}@{revision}" if revision else base_id)
