"""``/comparisons``: adapters side by side."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.comparisons.side_by_side import FactLine, ScoreLine, side_by_side
from hub.api.comparisons import MeasuredSetOutput, ScoreOutput
from hub.api.shapes import Output, refuse_unknown_parameters


class ComparedOutput(Output):
    """One column: which version of which adapter."""

    adapter = serializers.CharField(source="revision.adapter.full_name")
    version = serializers.CharField(source="revision.version.name", default=None, allow_null=True)
    commit_id = serializers.CharField(source="revision.commit_id")


class ComparedFactOutput(Output):
    """One fact of every column; null where it is not known."""

    fact = serializers.CharField(source="key")
    is_same = serializers.BooleanField()
    values = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.JSONField(allow_null=True)))
    def get_values(self, line: FactLine) -> list[Any]:
        """In the order of the columns."""
        return line.values


class ComparedScoresOutput(Output):
    """The newest scores on the same rows; null where a column was not measured."""

    set = MeasuredSetOutput(source="set_revision")
    scores = serializers.SerializerMethodField()
    gains = serializers.ListField(child=serializers.FloatField(allow_null=True))
    best = serializers.FloatField(allow_null=True)

    @extend_schema_field(ScoreOutput(many=True, allow_null=True))
    def get_scores(self, line: ScoreLine) -> list[dict[str, Any] | None]:
        """In the order of the columns."""
        return [dict(ScoreOutput(cell).data) if cell else None for cell in line.scores]


class LikenessOutput(Output):
    """How alike two updates are: columns counted from 0, the cosine that sketches estimate, and its standard error."""

    first = serializers.IntegerField()
    second = serializers.IntegerField()
    cosine = serializers.FloatField()
    standard_error = serializers.FloatField()


class SideBySideOutput(Output):
    """Columns, facts, scores and likeness. ``is_whole`` is false where some evaluation sets were left out."""

    adapters = ComparedOutput(source="subjects", many=True)
    facts = ComparedFactOutput(many=True)
    scores = ComparedScoresOutput(many=True)
    is_whole = serializers.BooleanField()
    likeness = LikenessOutput(many=True)


class SideBySideView(APIView):
    """Two to six adapters."""

    @extend_schema(
        summary="Put adapters side by side",
        parameters=[
            OpenApiParameter(
                "adapter",
                str,
                many=True,
                required=True,
                description="ns/name or ns/name@version; two to six times",
            )
        ],
        responses=SideBySideOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"adapter"})
        named = [text[:400] for text in request.query_params.getlist("adapter")]
        return Response(SideBySideOutput(side_by_side(request.user, named)).data)
