"""``/audit``: what changed what people may rely on, the newest first."""

from datetime import datetime

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.errors import InvalidInput
from catalog.reviews.audit import AuditFilter, read_log
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Output,
    cursor_and_limit,
    page_response,
    page_schema,
    refuse_unknown_parameters,
)

_EXACT = ("actor", "action", "namespace", "subject")
_MOMENTS = ("since", "until")


class AuditEventOutput(Output):
    """One line of the audit log."""

    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    subject = serializers.CharField()
    namespace = serializers.CharField(allow_blank=True)
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class AuditView(APIView):
    """The audit log: of the whole hub for administrators, of their namespaces for owners and reviewers."""

    is_login_required = True

    @extend_schema(
        operation_id="audit_list",
        summary="The audit log",
        parameters=[
            *(OpenApiParameter(name, str) for name in _EXACT),
            *(OpenApiParameter(name, datetime) for name in _MOMENTS),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(AuditEventOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {*_EXACT, *_MOMENTS})
        exact = {name: request.query_params.get(name, "") for name in _EXACT}
        wanted = AuditFilter(**exact, since=_moment(request, "since"), until=_moment(request, "until"))
        cursor, limit = cursor_and_limit(request)
        return page_response(read_log(request.user, wanted, cursor=cursor, limit=limit), AuditEventOutput, request)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(
            detail=f"{name} is {text[:40]!r}; it must be a moment with its zone",
            field=name,
            hint="2027-01-31T00:00:00Z",
        )
    return found
