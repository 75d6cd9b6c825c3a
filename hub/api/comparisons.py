"""``/compare`` and ``/leaderboards``: what is measured, version against version and adapter against adapter."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.queries import get_adapter
from catalog.bases.queries import get_base
from catalog.errors import InvalidInput
from catalog.evaluations.boards import Leader, leaders
from catalog.evaluations.comparing import Comparison, compare
from catalog.evaluations.history import Course, History, history
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import get_set_revision, reference_of
from hub.api.shapes import Output, refuse_unknown_parameters

SET = OpenApiParameter("set", str, required=True, description="org/set, or org/set@2 for one revision of it")


class ScoreOutput(Output):
    """The set's own metric with its 95 % interval."""

    value = serializers.FloatField(source="score")
    low = serializers.FloatField(source="score_low", allow_null=True)
    high = serializers.FloatField(source="score_high", allow_null=True)


class BaseRefOutput(Output):
    """Which base model."""

    id = serializers.CharField(source="name")
    revision = serializers.CharField()


class MeasuredSetOutput(Output):
    """Which rows were asked, and how they are scored."""

    name = serializers.CharField(source="evaluation_set.full_name")
    revision = serializers.IntegerField(source="number")
    digest = serializers.CharField()
    harness = serializers.CharField()
    metric = serializers.CharField()
    task = serializers.CharField()
    rows = serializers.IntegerField()
    is_hidden = serializers.BooleanField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class SideOutput(Output):
    """One measured version, or the base model alone (``adapter`` is null)."""

    evaluation = serializers.UUIDField(source="pk")
    adapter = serializers.CharField(source="revision.adapter.full_name", default=None, allow_null=True)
    version = serializers.CharField(source="revision.version.name", default=None, allow_null=True)
    commit_id = serializers.CharField(source="revision.commit_id", default=None, allow_null=True)
    size_bytes = serializers.IntegerField(source="revision.size_bytes", default=None, allow_null=True)
    companion = serializers.SerializerMethodField()
    base_model = BaseRefOutput()
    score = ScoreOutput(source="*")
    settings = serializers.JSONField()
    measured_at = serializers.DateTimeField(allow_null=True)

    def get_companion(self, side: Evaluation) -> str | None:
        """The second adapter that acted beside the first."""
        return reference_of(side.companion) if side.companion is not None else None


class McNemarOutput(Output):
    """McNemar's test of the flips."""

    statistic = serializers.FloatField()
    p_value = serializers.FloatField()
    method = serializers.CharField()


class DifferenceOutput(Output):
    """Mean gain of a row, with its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class ItemOutput(Output):
    """One row whose answer changed."""

    row = serializers.IntegerField()
    kind = serializers.ChoiceField(("negative", "positive", "inconsistent"))
    before = serializers.JSONField(allow_null=True)
    now = serializers.JSONField(allow_null=True)
    content = serializers.JSONField()


class ComparisonOutput(Output):
    """``a`` before, ``b`` now. ``items`` is null where the rows are hidden."""

    set = MeasuredSetOutput(source="set_revision")
    a = SideOutput(source="before")
    b = SideOutput(source="now")
    rows = serializers.IntegerField(source="flips.rows")
    is_graded = serializers.BooleanField(source="flips.is_graded")
    negative_flips = serializers.SerializerMethodField()
    positive_flips = serializers.SerializerMethodField()
    inconsistent_wrong = serializers.SerializerMethodField()
    both_right = serializers.IntegerField(source="flips.both_right")
    both_wrong = serializers.IntegerField(source="flips.both_wrong")
    negative_flip_rate = serializers.FloatField(source="flips.negative_rate")
    mcnemar = McNemarOutput(source="flips.mcnemar")
    difference = DifferenceOutput(source="flips.difference")
    other_settings = serializers.ListField(child=serializers.CharField())
    items = ItemOutput(many=True, allow_null=True)
    items_left_out = serializers.IntegerField()

    def get_negative_flips(self, found: Comparison) -> int:
        """Rows right before and wrong now."""
        return len(found.flips.negative)

    def get_positive_flips(self, found: Comparison) -> int:
        """Rows wrong before and right now."""
        return len(found.flips.positive)

    def get_inconsistent_wrong(self, found: Comparison) -> int:
        """Rows wrong both times, with different answers."""
        return len(found.flips.inconsistent)


class LeaderOutput(Output):
    """One published version on a board, the score of its base model alone beside it."""

    place = serializers.IntegerField()
    evaluation = serializers.UUIDField(source="evaluation.pk")
    adapter = serializers.CharField(source="evaluation.revision.adapter.full_name")
    version = serializers.CharField(source="evaluation.revision.version.name")
    base_model = BaseRefOutput(source="evaluation.base_model")
    method = serializers.CharField(source="evaluation.revision.method")
    rank = serializers.IntegerField(source="evaluation.revision.rank", allow_null=True)
    size_bytes = serializers.IntegerField(source="evaluation.revision.size_bytes")
    score = ScoreOutput(source="evaluation")
    base_score = serializers.SerializerMethodField()
    gain = serializers.FloatField(allow_null=True)
    settings = serializers.JSONField(source="evaluation.settings")
    efficiency = serializers.JSONField(source="evaluation.efficiency")
    measured_at = serializers.DateTimeField(source="evaluation.measured_at", allow_null=True)

    @extend_schema_field(ScoreOutput(allow_null=True))
    def get_base_score(self, row: Leader) -> dict[str, Any] | None:
        """The base model's own score, null so long as it was not measured."""
        return dict(ScoreOutput(row.base).data) if row.base else None


class BoardOutput(Output):
    """Measured scores of published versions, the best first; nobody's claims."""

    set = MeasuredSetOutput(source="set_revision")
    is_higher_better = serializers.BooleanField()
    is_whole = serializers.BooleanField()
    results = LeaderOutput(source="rows", many=True)


class CourseOutput(Output):
    """One set: the score of each version, null where it was not measured."""

    set = MeasuredSetOutput(source="set_revision")
    scores = serializers.SerializerMethodField()
    gained = serializers.FloatField(allow_null=True)
    forgotten = serializers.FloatField(allow_null=True)

    @extend_schema_field(ScoreOutput(many=True, allow_null=True))
    def get_scores(self, course: Course) -> list[dict[str, Any] | None]:
        """In the order of the versions."""
        return [dict(ScoreOutput(cell).data) if cell else None for cell in course.cells]


class HistoryOutput(Output):
    """Published versions from the lowest up, and their course on each set."""

    versions = serializers.SerializerMethodField()
    sets = CourseOutput(source="courses", many=True)
    mean_forgotten = serializers.FloatField(allow_null=True)

    def get_versions(self, found: History) -> list[str]:
        """Their names."""
        return [revision.version.name for revision in found.versions]


class CompareView(APIView):
    """Version against version."""

    @extend_schema(
        summary="Compare two measured versions on a set",
        parameters=[
            OpenApiParameter("a", str, required=True, description="Before: ns/name@version, or an evaluation's id"),
            OpenApiParameter("b", str, required=True, description="Now: ns/name@version, or an evaluation's id"),
            SET,
        ],
        responses=ComparisonOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"a", "b", "set"})
        a, b, asked = (needed(request, name) for name in ("a", "b", "set"))
        return Response(ComparisonOutput(compare(request.user, a, b, asked)).data)


class LeaderboardsView(APIView):
    """The board of a set, for all base models or one."""

    @extend_schema(
        summary="The leader board of a set",
        parameters=[
            SET,
            OpenApiParameter("base_model", str, description="id, or id@revision"),
            OpenApiParameter("task", str, description="Of adapters that name this task"),
        ],
        responses=BoardOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"set", "base_model", "task"})
        revision = get_set_revision(request.user, needed(request, "set"))
        named = request.query_params.get("base_model")
        base = get_base(named) if named else None
        task = request.query_params.get("task", "")[:80]
        return Response(BoardOutput(leaders(request.user, revision, base=base, task=task)).data)


class HistoryView(APIView):
    """The versions of an adapter in sequence."""

    @extend_schema(summary="Scores of an adapter's versions, set by set", responses=HistoryOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        return Response(HistoryOutput(history(request.user, adapter)).data)


def needed(request: Request, name: str) -> str:
    """A query parameter that must be there. Raises InvalidInput."""
    text = request.query_params.get(name, "").strip()[:400]
    if not text:
        raise InvalidInput(detail=f"the parameter {name} is missing", field=name)
    return text
