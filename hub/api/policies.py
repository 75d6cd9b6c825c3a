"""``/namespaces/{name}/policies``: which sets run by themselves, and which guard publication."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.models import Role
from catalog.accounts.services import require_role
from catalog.errors import NotFound
from catalog.evaluations.models import Policy
from catalog.evaluations.policies import create_policy, delete_policy
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.namespaces import get_namespace
from hub.api.shapes import CURSOR, LIMIT, Input, Output, cursor_and_limit, page_response, page_schema, read


class PolicyOutput(Output):
    """A set that runs for every upload of a task and language; an empty one stands for any."""

    id = serializers.IntegerField()
    evaluation_set = serializers.CharField(source="evaluation_set.full_name")
    task = serializers.CharField()
    language = serializers.CharField()
    largest_drop = serializers.FloatField(allow_null=True)
    most_negative_flips = serializers.FloatField(allow_null=True)
    is_gate = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class PolicyInput(Input):
    """A new policy."""

    evaluation_set = serializers.CharField(max_length=220)
    task = serializers.CharField(max_length=80, allow_blank=True, default="")
    language = serializers.CharField(max_length=35, allow_blank=True, default="")
    largest_drop = serializers.FloatField(allow_null=True, default=None)
    most_negative_flips = serializers.FloatField(allow_null=True, default=None)


class PoliciesView(APIView):
    """The policies of a namespace, for its members."""

    is_login_required = True

    @extend_schema(
        operation_id="policies_list",
        summary="List policies",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(PolicyOutput),
    )
    def get(self, request: Request, name: str) -> Response:
        namespace = get_namespace(name)
        require_role(request.user, namespace, tuple(Role.values), "list its policies")
        found = Policy.objects.filter(namespace=namespace).select_related("evaluation_set__namespace")
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("id",), cursor=cursor, limit=limit), PolicyOutput, request)

    @extend_schema(summary="Add a policy", request=PolicyInput, responses={201: PolicyOutput})
    def post(self, request: Request, name: str) -> Response:
        policy = create_policy(actor_of(request), get_namespace(name), **read(PolicyInput, request))
        return Response(PolicyOutput(policy).data, status=201)


class PolicyView(APIView):
    """One policy."""

    @extend_schema(summary="Delete a policy", responses={204: None})
    def delete(self, request: Request, name: str, policy_id: int) -> Response:
        namespace = get_namespace(name)
        require_role(request.user, namespace, (Role.OWNER,), "change its policies")
        policy = Policy.objects.filter(namespace=namespace, pk=policy_id).first()
        if policy is None:
            raise NotFound(detail=f"{namespace} has no policy {policy_id}")
        delete_policy(actor_of(request), policy)
        return Response(status=204)
