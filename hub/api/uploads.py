"""``/uploads``: announce files, send parts, finish."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Revision, Visibility
from catalog.adapters.queries import get_revision
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload, UploadFile, UploadState
from catalog.uploads.services import (
    AnnouncedFile,
    abort_upload,
    direct_url,
    finish_upload,
    get_upload,
    open_upload,
    plan_parts,
    receive_part,
)
from hub.api.authentication import actor_of
from hub.api.jobs import JobOutput
from hub.api.revisions import RevisionOutput
from hub.api.shapes import Input, Output, read

_CHUNK_BYTES = 1 << 20


class PartOutput(Output):
    """One part to send."""

    number = serializers.IntegerField()
    offset = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    method = serializers.CharField()
    url = serializers.CharField()
    is_received = serializers.BooleanField()


class UploadFileOutput(Output):
    """An announced file and its parts."""

    path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    parts = PartOutput(many=True)


class UploadOutput(Output):
    """An upload: where to send what."""

    id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    adapter = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    part_size_bytes = serializers.IntegerField()
    files = UploadFileOutput(many=True)
    revision = RevisionOutput(allow_null=True)
    job = JobOutput(allow_null=True)


class FinishedOutput(Output):
    """A finished upload: committed, with its revision and the job that validates it, or `receiving`, by a job."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    revision = RevisionOutput(allow_null=True)
    job = JobOutput(allow_null=True)


class AnnouncedInput(Input):
    """A file that will be sent."""

    path = serializers.CharField(max_length=300, trim_whitespace=False)
    size_bytes = serializers.IntegerField(min_value=0)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, default="")


class UploadInput(Input):
    """A push."""

    adapter = serializers.CharField(max_length=200)
    version = serializers.CharField(max_length=64, allow_blank=True, default="")
    base = serializers.CharField(max_length=300, allow_blank=True, default="")
    task = serializers.CharField(max_length=80, allow_blank=True, default="")
    languages = serializers.ListField(child=serializers.CharField(max_length=40), default=list, max_length=200)
    license = serializers.CharField(max_length=200, allow_blank=True, default="")
    tags = serializers.ListField(child=serializers.CharField(max_length=80), default=list, max_length=50)
    summary = serializers.CharField(max_length=300, allow_blank=True, default="")
    training_data = serializers.CharField(max_length=4000, allow_blank=True, default="")
    citation = serializers.CharField(max_length=8000, allow_blank=True, default="")
    message = serializers.CharField(max_length=5000, allow_blank=True, default="")
    visibility = serializers.ChoiceField(Visibility.values, default="public")
    is_direct = serializers.BooleanField(default=True)
    files = AnnouncedInput(many=True)


class DigestInput(Input):
    """A file's digest."""

    path = serializers.CharField(max_length=300, trim_whitespace=False)
    sha256 = serializers.CharField(max_length=64)


class FinishInput(Input):
    """The digests of everything that was sent."""

    files = DigestInput(many=True)


class BytesParser(BaseParser):
    """Raw bytes; the view reads the stream itself."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Hand back the stream unread."""
        return stream


class UploadsView(APIView):
    """Announce a push."""

    @extend_schema(summary="Open an upload", request=UploadInput, responses={200: UploadOutput, 201: UploadOutput})
    def post(self, request: Request) -> Response:
        body = read(UploadInput, request)
        files = [AnnouncedFile(**file) for file in body.pop("files")]
        said = Metadata(**{name: body.pop(name) for name in Metadata.__dataclass_fields__})
        opened = open_upload(actor_of(request), files=files, metadata=said, **body)
        if isinstance(opened, Revision):
            return Response(_already_published(request, opened), status=200)
        return Response(_upload(request, opened), status=201)


class UploadView(APIView):
    """One's own upload."""

    is_login_required = True

    @extend_schema(summary="Show an upload, to resume it", responses=UploadOutput)
    def get(self, request: Request, upload_id: UUID) -> Response:
        return Response(_upload(request, get_upload(actor_of(request), upload_id)))

    @extend_schema(summary="Abort an upload", responses={204: None})
    def delete(self, request: Request, upload_id: UUID) -> Response:
        abort_upload(get_upload(actor_of(request), upload_id))
        return Response(status=204)


class PartView(APIView):
    """One part of one file."""

    parser_classes = [BytesParser]

    @extend_schema(
        summary="Send a part",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: dict[str, Any]},
    )
    def put(self, request: Request, upload_id: UUID, index: int, number: int) -> Response:
        upload = get_upload(actor_of(request), upload_id)
        size_bytes, sha256 = receive_part(upload, index=index, number=number, chunks=_chunks(request))
        return Response({"number": number, "size_bytes": size_bytes, "sha256": sha256})


class FinishView(APIView):
    """Commit an upload."""

    @extend_schema(summary="Finish an upload", request=FinishInput, responses={202: FinishedOutput})
    def post(self, request: Request, upload_id: UUID) -> Response:
        actor = actor_of(request)
        upload = get_upload(actor, upload_id)
        digests = {file["path"]: file["sha256"] for file in read(FinishInput, request)["files"]}
        made = finish_upload(actor, upload, digests)
        body: dict[str, Any] = {"id": upload.pk, "state": "receiving", "revision": None, "job": made.receive_job}
        if made.revision is not None:
            revision = get_revision(actor, made.revision.adapter, made.revision.commit_id)
            body |= {"state": "committed", "revision": revision, "job": revision.validation_job}
        return Response(FinishedOutput(body, context={"request": request}).data, status=202)


def _chunks(request: Request) -> Iterator[bytes]:
    stream = request._request
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _upload(request: Request, upload: Upload) -> dict[str, Any]:
    files = [
        {"path": file.path, "size_bytes": file.size_bytes, "parts": _parts(request, upload, file)}
        for file in upload.files.all()
    ]
    body = {
        "id": upload.pk,
        "state": upload.state,
        "adapter": upload.full_name,
        "expires_at": upload.expires_at,
        "part_size_bytes": upload.part_size_bytes,
        "files": files,
        "revision": upload.revision,
        "job": upload.receive_job,
    }
    return dict(UploadOutput(body, context={"request": request}).data)


def _parts(request: Request, upload: Upload, file: UploadFile) -> list[dict[str, Any]]:
    """Where each part goes: to the hub, or straight to the store by a URL that must not be logged."""
    if upload.state != UploadState.OPEN:
        return []
    return [
        {
            **plan.__dict__,
            "method": "PUT",
            "url": direct_url(upload, file, plan)
            or request.build_absolute_uri(reverse("api-upload-part", args=[upload.pk, file.index, plan.number])),
        }
        for plan in plan_parts(upload, file)
    ]


def _already_published(request: Request, revision: Revision) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": None,
        "state": "committed",
        "adapter": revision.adapter.full_name,
        "expires_at": None,
        "part_size_bytes": 0,
        "files": [],
        "revision": revision,
        "job": None,
    }
    return dict(UploadOutput(body, context={"request": request}).data)
