"""``/removals``: bytes that go for good, with all that contains them, and the receipt of it."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.paging import page_of
from catalog.removals.queries import adapter_to_remove, find_removals, get_removal
from catalog.removals.removing import request_removal
from hub.api.authentication import actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class RemovalOutput(Output):
    """A removal. Its receipt is there once the job has ended."""

    id = serializers.UUIDField()
    subject = serializers.CharField()
    reason = serializers.CharField()
    state = serializers.CharField()
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)
    job = serializers.UUIDField(source="job_id", allow_null=True)
    receipt = serializers.JSONField()
    error = serializers.JSONField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RemovalInput(Input):
    """What to remove, and why."""

    adapter = serializers.CharField(max_length=300)
    reason = serializers.CharField(max_length=500)


class RemovalsView(APIView):
    """Removals of the caller's namespaces."""

    is_login_required = True

    @extend_schema(
        operation_id="removals_list",
        summary="List removals",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(RemovalOutput),
    )
    def get(self, request: Request) -> Response:
        cursor, limit = cursor_and_limit(request)
        page = page_of(find_removals(request.user), ("-created_at", "-id"), cursor=cursor, limit=limit)
        return page_response(page, RemovalOutput, request)

    @extend_schema(
        summary="Remove a version or an adapter for good", request=RemovalInput, responses={202: RemovalOutput}
    )
    def post(self, request: Request) -> Response:
        body = read(RemovalInput, request)
        adapter, ref = adapter_to_remove(request.user, body["adapter"])
        removal = request_removal(actor_of(request), adapter, ref, reason=body["reason"])
        return Response(RemovalOutput(removal).data, status=202)


class RemovalView(APIView):
    """One removal."""

    is_login_required = True

    @extend_schema(summary="Show a removal and its receipt", responses=RemovalOutput)
    def get(self, request: Request, removal_id: UUID) -> Response:
        return Response(RemovalOutput(get_removal(request.user, removal_id)).data)
