"""Withdraw a version or an adapter with what was derived from it; ask which digests are not to be used any more."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.querysets import Actor
from catalog.adapters.queries import get_adapter
from catalog.removals.cascading import Withdrawn
from catalog.removals.models import Derived, Withdrawal, WithdrawnFile
from catalog.removals.queries import MOST_DIGESTS, named_to, withdrawn_digests
from catalog.removals.withdrawing import withdraw_adapter, withdraw_version
from hub.api.authentication import actor_of
from hub.api.shapes import Input, Output, read


class WithdrawInput(Input):
    """Why, and what becomes of what was derived from it."""

    reason = serializers.CharField(max_length=500)
    derived = serializers.ChoiceField(Derived.values, default=Derived.WITHDRAW.value)


class WithdrawalOutput(Output):
    """Something that is not handed out any more."""

    name = serializers.CharField(source="subject")
    kind = serializers.SerializerMethodField()
    commit_id = serializers.CharField(source="revision.commit_id", default=None, allow_null=True)
    before = serializers.CharField()
    reason = serializers.CharField()
    is_derived = serializers.SerializerMethodField()
    withdrawn_at = serializers.DateTimeField()

    def get_kind(self, withdrawal: Withdrawal) -> str:
        """``revision`` or ``basis``."""
        return "basis" if withdrawal.basis_id else "revision"

    def get_is_derived(self, withdrawal: Withdrawal) -> bool:
        """Whether it went because of something that it was computed from."""
        return withdrawal.basis_id is not None or withdrawal.cause_id is not None


class WithdrawnOutput(Output):
    """Everything that one call withdrew, and how much of it the caller may not see."""

    withdrawn = WithdrawalOutput(many=True)
    hidden = serializers.IntegerField()


class WithdrawVersionView(APIView):
    """Withdraw one version."""

    @extend_schema(summary="Withdraw a version for ever", request=WithdrawInput, responses=WithdrawnOutput)
    def post(self, request: Request, namespace: str, name: str, version: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        done = withdraw_version(actor_of(request), adapter, version, **read(WithdrawInput, request))
        return Response(shown(actor_of(request), done))


class WithdrawAdapterView(APIView):
    """Withdraw every version and draft of an adapter."""

    @extend_schema(summary="Withdraw an adapter's every version", request=WithdrawInput, responses=WithdrawnOutput)
    def post(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        done = withdraw_adapter(actor_of(request), adapter, **read(WithdrawInput, request))
        return Response(shown(actor_of(request), done))


def shown(actor: Actor, done: Withdrawn) -> dict[str, Any]:
    """What was withdrawn, as far as the caller might see it: others' private work is counted and not named."""
    rows = done.withdrawals()
    named = named_to(actor, rows)
    return {"withdrawn": WithdrawalOutput(named, many=True).data, "hidden": len(rows) - len(named)}


class DigestsInput(Input):
    """What a client holds."""

    sha256 = serializers.ListField(child=serializers.CharField(max_length=100), max_length=MOST_DIGESTS)


class WithdrawnDigestOutput(Output):
    """A digest that is not to be used any more, and why."""

    sha256 = serializers.CharField()
    name = serializers.CharField(source="withdrawal.subject")
    path = serializers.CharField()
    reason = serializers.CharField(source="withdrawal.reason")
    is_removed = serializers.BooleanField(source="is_refused")
    withdrawn_at = serializers.DateTimeField(source="withdrawal.withdrawn_at")


class WithdrawnDigestsOutput(Output):
    """Those of the digests asked about."""

    withdrawn = serializers.SerializerMethodField()

    @extend_schema_field(WithdrawnDigestOutput(many=True))
    def get_withdrawn(self, files: list[WithdrawnFile]) -> list[dict[str, Any]]:
        """One line for each."""
        return list(WithdrawnDigestOutput(files, many=True).data)


class WithdrawnDigestsView(APIView):
    """Which digests are not to be used any more: for caches."""

    is_login_required = False
    write_scope = "read"

    @extend_schema(summary="Ask which digests were withdrawn", request=DigestsInput, responses=WithdrawnDigestsOutput)
    def post(self, request: Request) -> Response:
        found = withdrawn_digests(request.user, read(DigestsInput, request)["sha256"])
        return Response(WithdrawnDigestsOutput(found).data)
