"""``/namespaces``: organisations, their policies and members."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.models import Namespace, Role
from catalog.accounts.services import (
    create_organization,
    remove_member,
    require_role,
    role_in,
    set_member,
    update_namespace,
)
from catalog.errors import NotFound
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class NamespaceOutput(Output):
    """A namespace, with the caller's role in it."""

    name = serializers.CharField()
    kind = serializers.CharField()
    display_name = serializers.CharField()
    is_review_required = serializers.BooleanField()
    role = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_role(self, namespace: Namespace) -> str | None:
        """The caller's role, or None."""
        return role_in(self.context["request"].user, namespace)


class NamespaceInput(Input):
    """A new organisation."""

    name = serializers.CharField(max_length=96)
    display_name = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_review_required = serializers.BooleanField(default=True)


class NamespaceChange(Input):
    """What may change."""

    display_name = serializers.CharField(max_length=200, allow_blank=True, required=False)
    is_review_required = serializers.BooleanField(required=False)


class MemberOutput(Output):
    """A member and the role."""

    username = serializers.CharField(source="user.username")
    role = serializers.CharField()


class MemberInput(Input):
    """The role to give."""

    role = serializers.ChoiceField(Role.values)


class NamespacesView(APIView):
    """All namespaces."""

    write_scope = "write"

    @extend_schema(
        operation_id="namespaces_list",
        summary="List namespaces",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(NamespaceOutput),
    )
    def get(self, request: Request) -> Response:
        cursor, limit = cursor_and_limit(request)
        page = page_of(Namespace.objects.live(), ("name",), cursor=cursor, limit=limit)
        return page_response(page, NamespaceOutput, request)

    @extend_schema(summary="Make an organisation", request=NamespaceInput, responses={201: NamespaceOutput})
    def post(self, request: Request) -> Response:
        namespace = create_organization(actor_of(request), **read(NamespaceInput, request))
        return Response(NamespaceOutput(namespace, context={"request": request}).data, status=201)


class NamespaceView(APIView):
    """One namespace."""

    @extend_schema(summary="Show a namespace", responses=NamespaceOutput)
    def get(self, request: Request, name: str) -> Response:
        return Response(NamespaceOutput(get_namespace(name), context={"request": request}).data)

    @extend_schema(summary="Change a namespace", request=NamespaceChange, responses=NamespaceOutput)
    def patch(self, request: Request, name: str) -> Response:
        namespace = update_namespace(actor_of(request), get_namespace(name), **read(NamespaceChange, request))
        return Response(NamespaceOutput(namespace, context={"request": request}).data)


class MembersView(APIView):
    """Members of a namespace, for its members."""

    is_login_required = True

    @extend_schema(summary="List members", parameters=[CURSOR, LIMIT], responses=page_schema(MemberOutput))
    def get(self, request: Request, name: str) -> Response:
        namespace = get_namespace(name)
        require_role(request.user, namespace, tuple(Role.values), "list its members")
        cursor, limit = cursor_and_limit(request)
        page = page_of(namespace.memberships.select_related("user"), ("id",), cursor=cursor, limit=limit)
        return page_response(page, MemberOutput, request)


class MemberView(APIView):
    """One membership."""

    @extend_schema(summary="Give a role", request=MemberInput, responses=MemberOutput)
    def put(self, request: Request, name: str, username: str) -> Response:
        body: dict[str, Any] = read(MemberInput, request)
        membership = set_member(actor_of(request), get_namespace(name), username=username, role=body["role"])
        return Response(MemberOutput(membership).data)

    @extend_schema(summary="Take a member out", responses={204: None})
    def delete(self, request: Request, name: str, username: str) -> Response:
        remove_member(actor_of(request), get_namespace(name), username=username)
        return Response(status=204)


def get_namespace(name: str) -> Namespace:
    """The live namespace of that name. Raises NotFound."""
    found = Namespace.objects.named(name).first()
    if found is None:
        raise NotFound(detail=f"no namespace {name!r}")
    return found
