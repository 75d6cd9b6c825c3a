"""``/records``: adapters that lie elsewhere, as other catalogues describe them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.paging import page_of
from catalog.records.models import Record
from catalog.records.queries import find_records, get_record
from catalog.records.services import restore_record, withdraw_record
from hub.api.authentication import actor_of
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


class RecordRowOutput(Output):
    """A record of a listing. Nothing of it was checked here."""

    full_name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    path = serializers.CharField()
    state = serializers.SerializerMethodField()
    summary = serializers.CharField()
    link = serializers.CharField()
    author = serializers.CharField()
    base_name = serializers.CharField()
    architecture = serializers.CharField()
    method = serializers.CharField()
    task = serializers.CharField()
    languages = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    license = serializers.CharField()
    default_version = serializers.CharField()
    imported_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_state(self, record: Record) -> str:
        """``elsewhere``, or ``withdrawn`` (administrators alone see those)."""
        return "withdrawn" if record.withdrawn_at else "elsewhere"


class RecordVersionOutput(Output):
    """A file that the source offers; the hub has neither fetched nor hashed it."""

    name = serializers.CharField()
    url = serializers.CharField()
    sha1 = serializers.CharField()
    sha256 = serializers.CharField()
    description = serializers.CharField()
    score = serializers.FloatField(allow_null=True)


class RecordNoteOutput(Output):
    """A value that was read otherwise than it was written."""

    field = serializers.CharField()
    code = serializers.CharField()
    given = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()


class RecordOutput(RecordRowOutput):
    """A record with everything that its source says."""

    description = serializers.CharField()
    versions = serializers.SerializerMethodField()
    claims = serializers.JSONField()
    notes = RecordNoteOutput(many=True)
    provenance = serializers.JSONField()

    @extend_schema(responses=RecordVersionOutput(many=True))
    def get_versions(self, record: Record) -> list[dict[str, Any]]:
        """In the source's order."""
        return list(RecordVersionOutput(record.versions.all(), many=True).data)


class RecordPatch(Input):
    """Whether an administrator takes it out, and why."""

    is_withdrawn = serializers.BooleanField()
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


class RecordsView(APIView):
    """Records."""

    @extend_schema(
        operation_id="records_list",
        summary="List records of other catalogues",
        parameters=[
            OpenApiParameter("q", str, description="Words that must all occur in the name"),
            OpenApiParameter("source", str),
            OpenApiParameter("digest", str, description="SHA-256 or SHA-1 of a file that it offers"),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(RecordRowOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"q", "source", "digest"})
        asked = request.query_params
        found = find_records(
            request.user, text=asked.get("q", ""), source=asked.get("source", ""), digest=asked.get("digest", "")
        )
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("source", "path"), cursor=cursor, limit=limit), RecordRowOutput, request)


class RecordView(APIView):
    """One record."""

    write_scope = "admin"

    @extend_schema(summary="Show a record", responses=RecordOutput)
    def get(self, request: Request, source: str, record_path: str) -> Response:
        return Response(RecordOutput(get_record(request.user, f"{source}/{record_path}")).data)

    @extend_schema(
        summary="Take a record out, or put it back, as an administrator", request=RecordPatch, responses=RecordOutput
    )
    def patch(self, request: Request, source: str, record_path: str) -> Response:
        actor = actor_of(request)
        record = get_record(actor, f"{source}/{record_path}")
        asked = read(RecordPatch, request)
        is_out = asked["is_withdrawn"]
        changed = withdraw_record(actor, record, reason=asked["reason"]) if is_out else restore_record(actor, record)
        return Response(RecordOutput(changed).data)
