"""``/adapters/{ns}/{name}/access``: who else may see an adapter, and until when."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.access.services import grant_access, grants_of, revoke_access
from catalog.adapters.queries import get_adapter
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class GrantOutput(Output):
    """Leave for one user or for the members of one namespace."""

    id = serializers.IntegerField()
    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    namespace = serializers.CharField(source="namespace.name", default=None, allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()
    granted_by = serializers.CharField(source="granted_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()


class GrantInput(Input):
    """Whom to let see it, and until when."""

    user = serializers.CharField(max_length=150, default="", allow_blank=True)
    namespace = serializers.CharField(max_length=96, default="", allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True, default=None)
    note = serializers.CharField(max_length=300, default="", allow_blank=True)


class GrantsView(APIView):
    """The grants of one adapter."""

    is_login_required = True

    @extend_schema(
        operation_id="access_list",
        summary="List who else may see an adapter",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(GrantOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        found = grants_of(request.user, get_adapter(request.user, f"{namespace}/{name}"))
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("id",), cursor=cursor, limit=limit), GrantOutput, request)

    @extend_schema(summary="Let somebody see an adapter", request=GrantInput, responses={201: GrantOutput})
    def post(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        grant = grant_access(actor_of(request), adapter, **read(GrantInput, request))
        return Response(GrantOutput(grant).data, status=201)


class GrantView(APIView):
    """One grant."""

    @extend_schema(summary="Take a grant back", responses={204: None})
    def delete(self, request: Request, namespace: str, name: str, grant_id: int) -> Response:
        revoke_access(actor_of(request), get_adapter(request.user, f"{namespace}/{name}"), grant_id)
        return Response(status=204)
