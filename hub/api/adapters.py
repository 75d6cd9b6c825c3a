"""``/adapters``: search, make, show, change, delete."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Adapter, Visibility
from catalog.adapters.queries import get_adapter, get_revision, offered_versions
from catalog.adapters.services import create_adapter, update_adapter
from catalog.removals.models import Derived
from catalog.removals.withdrawing import delete_adapter
from catalog.search.listed import Listed
from catalog.search.parameters import PARAMETERS, query_from
from catalog.search.queries import downloads_of, search
from hub.api.authentication import actor_of
from hub.api.query_parameters import QUERY_PARAMETERS
from hub.api.revisions import RevisionOutput
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


class EntryOutput(Output):
    """An adapter as a listing shows it: its default version."""

    full_name = serializers.CharField()
    namespace = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField()
    summary = serializers.CharField()
    visibility = serializers.CharField()
    base_model = serializers.SerializerMethodField()
    method = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True)
    task = serializers.CharField()
    languages = serializers.SerializerMethodField()
    tags = serializers.SerializerMethodField()
    license = serializers.CharField()
    size_bytes = serializers.IntegerField()
    downloads = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    is_elsewhere = serializers.BooleanField()

    def get_base_model(self, entry: Listed) -> dict[str, str] | None:
        """Id and revision of the base model."""
        base = entry.base_model
        return {"id": base.name, "revision": base.revision} if base else None

    def get_languages(self, entry: Listed) -> list[str]:
        """BCP-47 tags."""
        return entry.languages.split()

    def get_tags(self, entry: Listed) -> list[str]:
        """Free words."""
        return entry.tags.split()

    def to_representation(self, entry: Listed) -> dict[str, Any]:
        """The row written out by hand: the generic fields would take most of the time of a listing."""
        namespace, _, name = entry.full_name.partition("/")
        return {
            "full_name": entry.full_name,
            "namespace": namespace,
            "name": name,
            "version": entry.version,
            "summary": entry.summary,
            "visibility": Visibility.PUBLIC.value if entry.is_public else Visibility.PRIVATE.value,
            "base_model": self.get_base_model(entry),
            "method": entry.method,
            "rank": entry.rank,
            "task": entry.task,
            "languages": self.get_languages(entry),
            "tags": self.get_tags(entry),
            "license": entry.license,
            "size_bytes": entry.size_bytes,
            "downloads": entry.downloads,
            "published_at": entry.published_at.isoformat().replace("+00:00", "Z"),
            "is_elsewhere": entry.is_elsewhere,
        }


class AdapterOutput(Output):
    """An adapter with its default revision."""

    namespace = serializers.CharField(source="namespace.name")
    name = serializers.CharField()
    full_name = serializers.CharField()
    summary = serializers.CharField()
    visibility = serializers.CharField()
    downloads = serializers.SerializerMethodField()
    default_version = serializers.SerializerMethodField()
    versions = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    url = serializers.SerializerMethodField()
    revision = serializers.SerializerMethodField()

    def get_downloads(self, adapter: Adapter) -> int:
        """Downloads of every version, as counted half a minute ago."""
        return downloads_of(adapter.pk)

    def get_versions(self, adapter: Adapter) -> list[str]:
        """Published and yanked versions, highest first."""
        return self._offered(adapter)

    def get_default_version(self, adapter: Adapter) -> str | None:
        """What a pull without a version gets; None where the caller may not see it."""
        default = adapter.default_version
        return default.name if default is not None and default.name in self._offered(adapter) else None

    def get_url(self, adapter: Adapter) -> str:
        """The adapter's page."""
        return str(self.context["request"].build_absolute_uri(f"/{adapter.full_name}"))

    def get_revision(self, adapter: Adapter) -> dict[str, Any] | None:
        """The default version's revision."""
        if self.get_default_version(adapter) is None:
            return None
        revision = get_revision(self.context["request"].user, adapter)
        return dict(RevisionOutput(revision, context=self.context).data)

    def _offered(self, adapter: Adapter) -> list[str]:
        if not hasattr(self, "_found"):
            self._found = offered_versions(self.context["request"].user, adapter)
        return self._found


class AdapterInput(Input):
    """A new adapter."""

    namespace = serializers.CharField(max_length=96)
    name = serializers.CharField(max_length=96)
    visibility = serializers.ChoiceField(Visibility.values, default="public")
    summary = serializers.CharField(max_length=300, allow_blank=True, default="")


class AdapterChange(Input):
    """What may change."""

    summary = serializers.CharField(max_length=300, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(Visibility.values, required=False)


class AdaptersView(APIView):
    """Search and make adapters."""

    @extend_schema(
        operation_id="adapters_list",
        summary="Search adapters",
        parameters=[
            *QUERY_PARAMETERS,
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(EntryOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set(PARAMETERS))
        query = query_from(request.query_params)
        cursor, limit = cursor_and_limit(request)
        return page_response(search(query, request.user, cursor=cursor, limit=limit), EntryOutput, request)

    @extend_schema(summary="Make an adapter", request=AdapterInput, responses={201: AdapterOutput})
    def post(self, request: Request) -> Response:
        body = read(AdapterInput, request)
        full_name = f"{body.pop('namespace')}/{body.pop('name')}"
        adapter = create_adapter(actor_of(request), full_name=full_name, **body)
        return Response(AdapterOutput(adapter, context={"request": request}).data, status=201)


class AdapterView(APIView):
    """One adapter."""

    @extend_schema(summary="Show an adapter", responses=AdapterOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        return Response(AdapterOutput(adapter, context={"request": request}).data)

    @extend_schema(summary="Change an adapter", request=AdapterChange, responses=AdapterOutput)
    def patch(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        update_adapter(actor_of(request), adapter, **read(AdapterChange, request))
        return Response(AdapterOutput(adapter, context={"request": request}).data)

    @extend_schema(
        summary="Delete an adapter for ever",
        parameters=[
            OpenApiParameter("reason", str, description="Shown to those whose work was derived from it"),
            OpenApiParameter("derived", str, enum=Derived.values, description="What becomes of that"),
        ],
        responses={204: None},
    )
    def delete(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"reason", "derived"})
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        given = request.query_params
        delete_adapter(
            actor_of(request),
            adapter,
            reason=given.get("reason", ""),
            derived=given.get("derived", Derived.WITHDRAW.value),
        )
        return Response(status=204)
