"""``/``, ``/whoami``, ``/tokens``, ``/users``."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.models import ApiToken, Membership, User
from catalog.accounts.services import create_user
from catalog.accounts.tokens import SCOPES, TokenRefused, issue_token, revoke_token, tokens_of
from catalog.errors import NotPermitted
from catalog.paging import page_of
from hub.api.authentication import TokenAuthentication, actor_of
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class RootView(APIView):
    """What this hub is and what it accepts."""

    @extend_schema(summary="The hub and its limits", responses={200: dict[str, Any]})
    def get(self, request: Request) -> Response:
        limits = {
            "max_file_bytes": settings.HUB_MAX_FILE_BYTES,
            "max_files": settings.HUB_MAX_FILES,
            "part_size_bytes": settings.HUB_PART_SIZE_BYTES,
        }
        return Response({"name": "Adapter Hub", "version": settings.HUB_VERSION, "limits": limits})


class TokenOutput(Output):
    """A token without its secret."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedTokenOutput(TokenOutput):
    """A new token; the secret is shown this once."""

    token = serializers.CharField()


class TokenInput(Input):
    """What a new token may do, and for how long."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(SCOPES), default=lambda: ["read", "write"])
    expires_in_days = serializers.IntegerField(min_value=1, max_value=3650, allow_null=True, default=90)


class PasswordAuthentication(BasicAuthentication):
    """HTTP Basic, for making the first token only."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[User, None]:
        """The user. Raises TokenRefused ``credentials_invalid``, or RateLimited."""
        user = authenticate(request=request, username=userid, password=password)
        if not isinstance(user, User):
            raise TokenRefused("credentials_invalid", "username or password is wrong")
        return user, None


class TokensView(APIView):
    """Make and list tokens."""

    authentication_classes = [TokenAuthentication, PasswordAuthentication, SessionAuthentication]
    is_login_required = True
    write_scope = "read"

    @extend_schema(summary="Make a token", request=TokenInput, responses={201: IssuedTokenOutput})
    def post(self, request: Request) -> Response:
        wanted = read(TokenInput, request)
        if isinstance(request.auth, ApiToken) and set(wanted["scopes"]) - set(request.auth.scopes):
            raise NotPermitted(
                "scope_missing",
                f"this token holds {', '.join(request.auth.scopes)} and cannot give out more",
                field="scopes",
            )
        issued = issue_token(actor_of(request), **wanted)
        return Response({**TokenOutput(issued.row).data, "token": issued.secret}, status=201)

    @extend_schema(summary="List your tokens", parameters=[CURSOR, LIMIT], responses=page_schema(TokenOutput))
    def get(self, request: Request) -> Response:
        cursor, limit = cursor_and_limit(request)
        page = page_of(tokens_of(actor_of(request)), ("-created_at", "-id"), cursor=cursor, limit=limit)
        return page_response(page, TokenOutput, request)


class TokenView(APIView):
    """One token."""

    write_scope = "read"

    @extend_schema(summary="Revoke a token", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        revoke_token(actor_of(request), token_id)
        return Response(status=204)


class WhoamiView(APIView):
    """Who the caller is."""

    is_login_required = True

    @extend_schema(summary="Who am I", responses={200: dict[str, Any]})
    def get(self, request: Request) -> Response:
        user = actor_of(request)
        memberships = Membership.objects.filter(user=user).select_related("namespace").order_by("namespace__name")
        token = request.auth if isinstance(request.auth, ApiToken) else None
        return Response(
            {
                "username": user.username,
                "is_staff": user.is_staff,
                "namespaces": [{"name": row.namespace.name, "role": row.role} for row in memberships],
                "token": token and {"name": token.name, "scopes": token.scopes, "expires_at": token.expires_at},
            }
        )


class UserInput(Input):
    """A new user."""

    username = serializers.CharField(max_length=96)
    email = serializers.EmailField(allow_blank=True, default="")
    password = serializers.CharField(max_length=200)


class UserOutput(Output):
    """A user."""

    username = serializers.CharField()
    email = serializers.CharField()
    is_staff = serializers.BooleanField()


class UsersView(APIView):
    """Administrators make users."""

    write_scope = "admin"

    @extend_schema(summary="Make a user", request=UserInput, responses={201: UserOutput})
    def post(self, request: Request) -> Response:
        if not actor_of(request).is_staff:
            raise NotPermitted(detail="only administrators make users")
        return Response(UserOutput(create_user(**read(UserInput, request))).data, status=201)
