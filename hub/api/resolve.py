"""``/resolve``: one adapter and a base model -> the exact plan of a pull, or the reason why not."""

from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Revision
from catalog.adapters.resolution import Resolution, resolve
from hub.api.revisions import FileOutput
from hub.api.shapes import Input, Output, read


class ResolveInput(Input):
    """What to pull, and what to fit it to."""

    adapter = serializers.CharField(max_length=300)
    base = serializers.CharField(max_length=300, allow_blank=True, default="")


class PlanFileOutput(FileOutput):
    """A file and where to get it."""

    url = serializers.CharField()


class PlanOutput(Output):
    """The plan of a pull."""

    adapter = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    commit_id = serializers.CharField()
    method = serializers.CharField()
    base_model = serializers.JSONField(allow_null=True)
    files = PlanFileOutput(many=True)
    size_bytes = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.JSONField())


class ResolveView(APIView):
    """Resolve a name to a plan."""

    is_login_required = False
    write_scope = "read"

    @extend_schema(summary="Plan a pull", request=ResolveInput, responses=PlanOutput)
    def post(self, request: Request) -> Response:
        body = read(ResolveInput, request)
        return Response(_plan(request, resolve(request.user, body["adapter"], base_reference=body["base"])))


def _plan(request: Request, resolved: Resolution) -> dict[str, Any]:
    revision, base = resolved.revision, resolved.base
    version = getattr(revision, "version", None)
    described = base and {
        "id": base.name,
        "revision": base.revision,
        "config_digest": base.config_digest,
        "weights": base.weights,
    }
    return {
        "adapter": revision.adapter.full_name,
        "version": version.name if version else None,
        "commit_id": revision.commit_id,
        "method": revision.method,
        "base_model": described,
        "files": [_file(request, revision, file) for file in revision.files.all()],
        "size_bytes": revision.size_bytes,
        "warnings": resolved.warnings,
    }


def _file(request: Request, revision: Revision, file: Any) -> dict[str, Any]:
    path = f"/api/v1/adapters/{revision.adapter.full_name}/files/{revision.commit_id}/{quote(file.path)}"
    return {**FileOutput(file).data, "url": request.build_absolute_uri(path)}
