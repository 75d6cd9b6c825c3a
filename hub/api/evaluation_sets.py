"""``/evaluation-sets``: make, list and show sets, add revisions, hand out rows that are not hidden."""

import json
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.queries import FoundFile
from catalog.errors import InvalidInput
from catalog.evaluations.manifests import MAX_MANIFEST_BYTES, read_manifest
from catalog.evaluations.models import EvaluationSet, Harness, SetFile
from catalog.evaluations.queries import find_sets, get_set, get_set_file, get_set_revision
from catalog.evaluations.sets import SentFile, add_revision, create_set, set_too_large, update_set
from catalog.evaluations.withdrawing import withdraw_revision, withdraw_set
from catalog.named import Visibility
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.files import serve_file
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

_FORM_BYTES = MAX_MANIFEST_BYTES + (64 << 10)
_FORM = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"manifest": {"type": "string"}},
        "required": ["manifest"],
        "additionalProperties": {"type": "string", "format": "binary"},
    }
}


class SetFileOutput(Output):
    """One split; of a hidden revision not even the digest is told."""

    split = serializers.CharField()
    path = serializers.CharField()
    size_bytes = serializers.IntegerField(source="blob.size_bytes")
    sha256 = serializers.SerializerMethodField()

    def get_sha256(self, file: SetFile) -> str | None:
        """The digest of the file."""
        return None if file.revision.is_hidden else file.blob_id


class SetRevisionOutput(Output):
    """An immutable revision of a set: how its rows are read, asked and scored."""

    reference = serializers.CharField(source="__str__")
    number = serializers.IntegerField()
    digest = serializers.CharField()
    harness = serializers.ChoiceField(Harness.values)
    metric = serializers.CharField()
    task = serializers.CharField()
    languages = serializers.ListField(child=serializers.CharField())
    license = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    columns = serializers.DictField(child=serializers.CharField())
    template = serializers.CharField()
    options = serializers.JSONField()
    is_hidden = serializers.BooleanField()
    rows = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawal_reason = serializers.CharField()
    files = SetFileOutput(many=True)


class SetOutput(Output):
    """A set and its newest revision that was not withdrawn."""

    full_name = serializers.CharField()
    namespace = serializers.CharField(source="namespace.name")
    name = serializers.CharField()
    visibility = serializers.CharField()
    summary = serializers.CharField()
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawal_reason = serializers.CharField()
    revisions = serializers.SerializerMethodField()
    revision = serializers.SerializerMethodField()

    def get_revisions(self, shown: EvaluationSet) -> list[int]:
        """Numbers of those that were not withdrawn, the newest first."""
        return [revision.number for revision in shown.revisions.all() if revision.withdrawn_at is None]

    @extend_schema_field(SetRevisionOutput(allow_null=True))
    def get_revision(self, shown: EvaluationSet) -> dict[str, Any] | None:
        """The newest one."""
        newest = next((revision for revision in shown.revisions.all() if revision.withdrawn_at is None), None)
        return dict(SetRevisionOutput(newest).data) if newest else None


class SetInput(Input):
    """A new set."""

    namespace = serializers.CharField(max_length=96)
    name = serializers.CharField(max_length=96)
    visibility = serializers.ChoiceField(Visibility.values, default="public")
    summary = serializers.CharField(max_length=300, allow_blank=True, default="")


class SetChange(Input):
    """What may change of a set; rows never do."""

    visibility = serializers.ChoiceField(Visibility.values, required=False)
    summary = serializers.CharField(max_length=300, allow_blank=True, required=False)


class WithdrawalInput(Input):
    """Why."""

    reason = serializers.CharField(max_length=500)


class SetsView(APIView):
    """Evaluation sets."""

    @extend_schema(
        operation_id="evaluation_sets_list",
        summary="List evaluation sets",
        parameters=[
            OpenApiParameter("q", str, description="Words that must all occur in the name or summary"),
            OpenApiParameter("namespace", str),
            OpenApiParameter("harness", str),
            OpenApiParameter("task", str),
            OpenApiParameter("language", str),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(SetOutput),
    )
    def get(self, request: Request) -> Response:
        filters = ("namespace", "harness", "task", "language")
        refuse_unknown_parameters(request, {"q", *filters})
        wanted = {name: request.query_params.get(name, "") for name in filters}
        found = find_sets(request.user, text=request.query_params.get("q", ""), **wanted)
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("folded", "id"), cursor=cursor, limit=limit), SetOutput, request)

    @extend_schema(summary="Make an evaluation set", request=SetInput, responses={201: SetOutput})
    def post(self, request: Request) -> Response:
        body = read(SetInput, request)
        full_name = f"{body.pop('namespace')}/{body.pop('name')}"
        return Response(SetOutput(create_set(actor_of(request), full_name=full_name, **body)).data, status=201)


class SetView(APIView):
    """One set."""

    @extend_schema(summary="Show an evaluation set", responses=SetOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        return Response(SetOutput(get_set(request.user, f"{namespace}/{name}")).data)

    @extend_schema(summary="Change a set's visibility or summary", request=SetChange, responses=SetOutput)
    def patch(self, request: Request, namespace: str, name: str) -> Response:
        named = get_set(request.user, f"{namespace}/{name}")
        update_set(actor_of(request), named, **read(SetChange, request))
        return Response(SetOutput(get_set(request.user, f"{namespace}/{name}")).data)


class SetWithdrawView(APIView):
    """Withdraw a set with all its revisions."""

    @extend_schema(
        summary="Withdraw a set: its rows go for ever, its scores stay", request=WithdrawalInput, responses=SetOutput
    )
    def post(self, request: Request, namespace: str, name: str) -> Response:
        named = get_set(request.user, f"{namespace}/{name}")
        withdraw_set(actor_of(request), named, **read(WithdrawalInput, request))
        return Response(SetOutput(get_set(request.user, f"{namespace}/{name}")).data)


class SetRevisionsView(APIView):
    """The revisions of a set."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="evaluation_set_revisions_list",
        summary="List the revisions of a set",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(SetRevisionOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        shown = get_set(request.user, f"{namespace}/{name}")
        found = shown.revisions.select_related("evaluation_set__namespace").prefetch_related("files__blob")
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("-number",), cursor=cursor, limit=limit), SetRevisionOutput, request)

    @extend_schema(
        summary="Add a revision: a form with the manifest and one file a split",
        request=_FORM,
        responses={200: SetRevisionOutput, 201: SetRevisionOutput},
    )
    def post(self, request: Request, namespace: str, name: str) -> Response:
        to = get_set(request.user, f"{namespace}/{name}")
        manifest, files = _form(request)
        added = add_revision(actor_of(request), to, read_manifest(manifest), files)
        body = SetRevisionOutput(get_set_revision(request.user, f"{to}@{added.revision.number}")).data
        return Response(body, status=201 if added.is_new else 200)


class SetRevisionView(APIView):
    """One revision of a set."""

    @extend_schema(summary="Show a revision of a set", responses=SetRevisionOutput)
    def get(self, request: Request, namespace: str, name: str, number: int) -> Response:
        return Response(SetRevisionOutput(get_set_revision(request.user, f"{namespace}/{name}@{number}")).data)


class SetRevisionWithdrawView(APIView):
    """Withdraw one revision of a set."""

    @extend_schema(
        summary="Withdraw a revision of a set: its rows go for ever, its scores stay",
        request=WithdrawalInput,
        responses=SetRevisionOutput,
    )
    def post(self, request: Request, namespace: str, name: str, number: int) -> Response:
        named = get_set_revision(request.user, f"{namespace}/{name}@{number}")
        withdraw_revision(actor_of(request), named, **read(WithdrawalInput, request))
        return Response(SetRevisionOutput(get_set_revision(request.user, f"{namespace}/{name}@{number}")).data)


class SetFileView(APIView):
    """One split of a revision."""

    @extend_schema(
        summary="Download a split that is not hidden",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, namespace: str, name: str, number: int, split: str) -> HttpResponseBase:
        file = get_set_file(get_set_revision(request.user, f"{namespace}/{name}@{number}"), split)
        found = FoundFile(0, file.blob_id, file.blob.size_bytes, file.blob.state)
        return serve_file(request, found, name=file.path)


def _form(request: Request) -> tuple[Any, dict[str, SentFile]]:
    """The manifest and the files by split. Raises InvalidInput, or TooLarge before anything is read."""
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    if announced > settings.HUB_MAX_SET_BYTES + _FORM_BYTES:
        raise set_too_large(announced)
    try:
        fields, files = cast(dict[str, Any], request.data), request.FILES
    except SuspiciousOperation as error:
        raise InvalidInput(detail="the form has too many fields or files", field="files") from error
    unknown = sorted(set(fields) - {"manifest", *files})
    if unknown:
        raise InvalidInput("unknown_field", f"the form has no field {unknown[0][:80]!r}", field=unknown[0][:80])
    return _manifest(fields.get("manifest")), {
        split: _sent(file) for split, file in files.items() if split != "manifest"
    }


def _manifest(given: Any) -> Any:
    text = given.read(MAX_MANIFEST_BYTES + 1).decode("utf-8", "replace") if isinstance(given, UploadedFile) else given
    if not isinstance(text, str) or len(text) > MAX_MANIFEST_BYTES:
        raise InvalidInput(detail="the form needs a manifest, a JSON object under 256 KiB", field="manifest")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(detail=f"the manifest is no JSON: {error}"[:300], field="manifest") from error


def _sent(file: UploadedFile) -> SentFile:
    return SentFile(str(file.name or ""), cast(BinaryIO, file.file), int(file.size or 0))
