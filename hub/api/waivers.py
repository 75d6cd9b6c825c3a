"""``/namespaces/{name}/waivers``: who publishes there without review."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.models import Role
from catalog.accounts.services import require_role
from catalog.paging import page_of
from catalog.reviews.models import Waiver
from catalog.reviews.waivers import WAIVABLE, add_waiver, delete_waiver
from hub.api.authentication import actor_of
from hub.api.namespaces import get_namespace
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class WaiverOutput(Output):
    """Leave to publish without review; ``user`` or ``role`` is null."""

    id = serializers.IntegerField()
    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    role = serializers.SerializerMethodField()
    is_update_only = serializers.BooleanField()
    is_clean_only = serializers.BooleanField()
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()

    def get_role(self, waiver: Waiver) -> str | None:
        """The role that it is for, with those above it."""
        return waiver.role or None


class WaiverInput(Input):
    """A new waiver, for a user or for a role."""

    username = serializers.CharField(max_length=150, allow_blank=True, default="")
    role = serializers.ChoiceField(list(WAIVABLE), allow_blank=True, default="")
    is_update_only = serializers.BooleanField(default=True)
    is_clean_only = serializers.BooleanField(default=True)


class WaiversView(APIView):
    """The waivers of a namespace, for its members."""

    is_login_required = True
    write_scope = "admin"

    @extend_schema(
        operation_id="waivers_list",
        summary="List who needs no review",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(WaiverOutput),
    )
    def get(self, request: Request, name: str) -> Response:
        namespace = get_namespace(name)
        require_role(request.user, namespace, tuple(Role.values), "list its waivers")
        found = Waiver.objects.filter(namespace=namespace).select_related("user", "created_by")
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("id",), cursor=cursor, limit=limit), WaiverOutput, request)

    @extend_schema(summary="Let somebody publish without review", request=WaiverInput, responses={201: WaiverOutput})
    def post(self, request: Request, name: str) -> Response:
        made = add_waiver(actor_of(request), get_namespace(name), **read(WaiverInput, request))
        return Response(WaiverOutput(made).data, status=201)


class WaiverView(APIView):
    """One waiver."""

    write_scope = "admin"

    @extend_schema(summary="Take a waiver back", responses={204: None})
    def delete(self, request: Request, name: str, waiver_id: int) -> Response:
        delete_waiver(actor_of(request), get_namespace(name), waiver_id)
        return Response(status=204)
