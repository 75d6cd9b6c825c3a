"""``/adapters/{ns}/{name}/versions``: list, show, yank."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.access.querysets import origins_seen
from catalog.accounts.services import role_in
from catalog.adapters.models import Adapter, Version, VersionState
from catalog.adapters.publication import unyank_version, yank_version
from catalog.adapters.queries import get_adapter
from catalog.errors import NotFound
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.revisions import FileOutput
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class VersionOutput(Output):
    """A version tag."""

    version = serializers.CharField(source="name")
    state = serializers.CharField()
    yank_reason = serializers.CharField()
    commit_id = serializers.CharField(source="revision.commit_id")
    size_bytes = serializers.IntegerField(source="revision.size_bytes")
    published_at = serializers.DateTimeField(allow_null=True)


class VersionWithFilesOutput(VersionOutput):
    """A version tag and its files."""

    files = FileOutput(many=True, source="revision.files")


class YankInput(Input):
    """Why."""

    reason = serializers.CharField(max_length=500)


class VersionsView(APIView):
    """The versions of an adapter, newest first."""

    @extend_schema(
        operation_id="versions_list",
        summary="List versions",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(VersionOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        cursor, limit = cursor_and_limit(request)
        found = _visible(request, adapter).select_related("revision")
        return page_response(page_of(found, ("-id",), cursor=cursor, limit=limit), VersionOutput, request)


class VersionView(APIView):
    """One version."""

    @extend_schema(summary="Show a version", responses=VersionWithFilesOutput)
    def get(self, request: Request, namespace: str, name: str, version: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        found = _visible(request, adapter).select_related("revision").filter(name=version).first()
        if found is None:
            raise NotFound(detail=f"{adapter.full_name} has no version {version} that you may see")
        return Response(VersionWithFilesOutput(found).data)


class YankView(APIView):
    """Stop offering a version."""

    @extend_schema(summary="Yank a version", request=YankInput, responses=VersionOutput)
    def post(self, request: Request, namespace: str, name: str, version: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        yanked = yank_version(actor_of(request), adapter, version, reason=read(YankInput, request)["reason"])
        return Response(VersionOutput(yanked).data)


class UnyankView(APIView):
    """Offer a yanked version again."""

    @extend_schema(summary="Offer a version again", request=None, responses=VersionOutput)
    def post(self, request: Request, namespace: str, name: str, version: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        return Response(VersionOutput(unyank_version(actor_of(request), adapter, version)).data)


def _visible(request: Request, adapter: Adapter) -> QuerySet[Version]:
    # Members see reserved versions too.
    versions = adapter.versions.filter(origins_seen(request.user, "revision_id"))
    if role_in(request.user, adapter.namespace):
        return versions
    return versions.exclude(state=VersionState.RESERVED)
