"""``/adapters/{ns}/{name}/diff``: what changed between two versions."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.difference import ScoreChange, difference
from catalog.adapters.queries import get_adapter
from catalog.errors import InvalidInput
from hub.api.shapes import Output, refuse_unknown_parameters
from hub.api.similarity import NamedOutput


class FactChangeOutput(Output):
    """One fact or claim in both versions."""

    name = serializers.CharField()
    source = serializers.ChoiceField(["file", "author"])  # type: ignore[assignment]  # a field of that name
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    is_different = serializers.BooleanField()


class FileChangeOutput(Output):
    """One path in both versions."""

    path = serializers.CharField()
    change = serializers.ChoiceField(["same", "changed", "added", "removed"])
    size_before = serializers.IntegerField(allow_null=True)
    size_after = serializers.IntegerField(allow_null=True)
    sha256_before = serializers.CharField(allow_null=True)
    sha256_after = serializers.CharField(allow_null=True)


class ScoreChangeOutput(Output):
    """The newest score of each version on one revision of a set."""

    set = serializers.CharField(source="set_revision")
    metric = serializers.CharField(source="set_revision.metric")
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    delta = serializers.FloatField(allow_null=True)

    def get_before(self, row: ScoreChange) -> float | None:
        """Null where it was not measured."""
        return row.before.score if row.before else None

    def get_after(self, row: ScoreChange) -> float | None:
        """Null where it was not measured."""
        return row.after.score if row.after else None


class ModuleChangeOutput(Output):
    """The update of one module in both versions."""

    module = serializers.CharField()
    norm_before = serializers.FloatField(allow_null=True)
    norm_after = serializers.FloatField(allow_null=True)
    effective_rank_before = serializers.FloatField(allow_null=True)
    effective_rank_after = serializers.FloatField(allow_null=True)


class CardLineOutput(Output):
    """One line of the two cards."""

    kind = serializers.ChoiceField(["same", "removed", "added", "skipped"])
    text = serializers.CharField(allow_blank=True)


class VersionDifferenceOutput(Output):
    """What changed between two versions."""

    before = NamedOutput()
    after = NamedOutput()
    is_equal = serializers.BooleanField()
    facts = FactChangeOutput(many=True)
    files = FileChangeOutput(many=True)
    scores = ScoreChangeOutput(many=True)
    modules = ModuleChangeOutput(many=True)
    modules_left_out = serializers.IntegerField()
    card = CardLineOutput(many=True)


class DifferenceView(APIView):
    """From one version to another."""

    @extend_schema(
        summary="Show what changed between two versions",
        parameters=[
            OpenApiParameter("from", str, required=True, description="A version, branch or commit id"),
            OpenApiParameter("to", str, description="Another; the default version when left out"),
        ],
        responses=VersionDifferenceOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"from", "to"})
        asked: Any = request.query_params
        if not asked.get("from"):
            raise InvalidInput(detail="from which version?", field="from", hint="Add ?from=1.0.0.")
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        found = difference(request.user, adapter, asked["from"], asked.get("to", ""))
        return Response(VersionDifferenceOutput(found).data)
