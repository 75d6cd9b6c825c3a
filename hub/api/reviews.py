"""``/reviews`` and ``/adapters/{ns}/{name}/revisions/{commit_id}/reviews``: the queue, and decisions."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import InvalidInput
from catalog.names import split_reference
from catalog.reviews.models import Case, Decision
from catalog.reviews.queue import KINDS, ORDERS, PRIORITIES, SHOWS, QueueFilter, counts_of, read_queue
from catalog.reviews.services import MOST_AT_ONCE, Outcome, decide, decide_many
from catalog.reviews.statistics import MOST_WEEKS, Waited, review_statistics
from hub.api.authentication import actor_of
from hub.api.revisions import ReviewOutput, RevisionOutput
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Input,
    Output,
    cursor_and_limit,
    integer,
    page_response,
    page_schema,
    read,
    refuse_unknown_parameters,
)

_FILTERS = ("show", "namespace", "priority", "kind", "sort")


class CaseOutput(Output):
    """A revision before its reviewers."""

    version = serializers.CharField()
    priority = serializers.SerializerMethodField()
    assignee = serializers.CharField(source="assignee.username", default=None, allow_null=True)
    warnings = serializers.IntegerField()
    disagreements = serializers.IntegerField()
    is_first = serializers.BooleanField()
    entered_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField(allow_blank=True)
    waited_seconds = serializers.IntegerField(allow_null=True)
    thread = serializers.IntegerField(source="thread_id")

    def get_priority(self, case: Case) -> str:
        """``urgent``, ``high``, ``normal`` or ``low``."""
        return str(case.get_priority_display()).lower()


class QueuedRevisionOutput(RevisionOutput):
    """A revision of the queue, with its case."""

    case = CaseOutput()


class ReviewInput(Input):
    """A decision to make."""

    decision = serializers.ChoiceField(Decision.values)
    reason = serializers.CharField(max_length=5000, allow_blank=True, default="")
    override_gate = serializers.BooleanField(default=False)


class ReviewedOutput(ReviewOutput):
    """The decision made, and what became of the revision."""

    revision = RevisionOutput()


class ManyInput(Input):
    """One decision about several, each ``ns/name@version`` or ``ns/name@commit``."""

    revisions = serializers.ListField(
        child=serializers.CharField(max_length=300), min_length=1, max_length=MOST_AT_ONCE
    )
    decision = serializers.ChoiceField(Decision.values)
    reason = serializers.CharField(max_length=5000)


class RefusedOutput(Output):
    """One that was not decided, and why."""

    revision = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ManyOutput(Output):
    """What was decided and what was not."""

    decided = serializers.ListField(child=serializers.CharField())
    refused = RefusedOutput(many=True)


class WaitedOutput(Output):
    """How long reviews took, in seconds; null where there were none."""

    count = serializers.IntegerField()
    median_seconds = serializers.IntegerField(allow_null=True)
    p90_seconds = serializers.IntegerField(allow_null=True)


class WeekOutput(WaitedOutput):
    """The reviews that ended in the week that begins on this Monday (UTC)."""

    begins = serializers.DateField()


class StatisticsOutput(WaitedOutput):
    """Time to review."""

    waiting = serializers.IntegerField()
    oldest_entered_at = serializers.DateTimeField(allow_null=True)
    decisions = serializers.DictField(child=serializers.IntegerField())
    weeks = WeekOutput(many=True)


class CountsOutput(Output):
    """What waits for the caller."""

    waiting = serializers.IntegerField()
    mine = serializers.IntegerField()
    returned = serializers.IntegerField()


class ReviewsView(APIView):
    """Decide about a revision."""

    write_scope = "review"

    @extend_schema(summary="Approve, reject or ask for changes", request=ReviewInput, responses={201: ReviewedOutput})
    def post(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        review = decide(actor_of(request), get_revision(request.user, adapter, commit_id), **read(ReviewInput, request))
        review.revision = get_revision(request.user, adapter, review.revision.commit_id)
        return Response(ReviewedOutput(review, context={"request": request}).data, status=201)


class QueueView(APIView):
    """Revisions before reviewers, as far as the caller may decide them or pushed them."""

    is_login_required = True

    @extend_schema(
        operation_id="queue_list",
        summary="The review queue",
        parameters=[
            OpenApiParameter("show", str, enum=SHOWS, description="Whose; all that waits for the caller when empty"),
            OpenApiParameter("namespace", str),
            OpenApiParameter("priority", str, enum=list(PRIORITIES)),
            OpenApiParameter("kind", str, enum=list(KINDS)),
            OpenApiParameter("sort", str, enum=list(ORDERS)),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(QueuedRevisionOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set(_FILTERS))
        given = {name: value for name in _FILTERS if (value := request.query_params.get(name))}
        cursor, limit = cursor_and_limit(request)
        page = read_queue(request.user, QueueFilter(**given), cursor=cursor, limit=limit)
        page.rows[:] = [case.revision for case in page.rows]  # type: ignore[misc]
        return page_response(page, QueuedRevisionOutput, request)


class ManyReviewsView(APIView):
    """Decide about several at once."""

    write_scope = "review"

    @extend_schema(summary="The same decision about several", request=ManyInput, responses=ManyOutput)
    def post(self, request: Request) -> Response:
        given, actor = read(ManyInput, request), actor_of(request)
        named = {reference: _named(actor, reference) for reference in dict.fromkeys(given["revisions"])}
        found = {revision.pk: reference for reference, revision in named.items()}
        outcome = decide_many(actor, named.values(), decision=given["decision"], reason=given["reason"])
        return Response(_outcome(outcome, found))


class StatisticsView(APIView):
    """How long reviews take."""

    is_login_required = True

    @extend_schema(
        summary="Time to review",
        parameters=[
            OpenApiParameter("namespace", str),
            OpenApiParameter("weeks", int, description=f"1 to {MOST_WEEKS}, default 12"),
        ],
        responses=StatisticsOutput,
    )
    def get(self, request: Request) -> Response:
        weeks = integer(request, "weeks")
        namespace = request.query_params.get("namespace", "")
        found = review_statistics(request.user, namespace=namespace, weeks=12 if weeks is None else weeks)
        return Response(
            {
                **_waited(found.waited),
                "waiting": found.waiting,
                "oldest_entered_at": found.oldest_entered_at,
                "decisions": found.decisions,
                "weeks": [{"begins": week.begins, **_waited(week.waited)} for week in found.weeks],
            }
        )


class CountsView(APIView):
    """Numbers for the header of a page."""

    is_login_required = True

    @extend_schema(summary="What waits for the caller", responses=CountsOutput)
    def get(self, request: Request) -> Response:
        return Response(CountsOutput(counts_of(request.user)).data)


def _named(actor: User, reference: str) -> Revision:
    full_name, ref = split_reference(reference)
    if not ref:
        raise InvalidInput(
            detail=f"{reference[:200]!r} names no revision", field="revisions", hint="Write ns/name@version."
        )
    return get_revision(actor, get_adapter(actor, full_name), ref)


def _outcome(outcome: Outcome, names: dict[int, str]) -> dict[str, Any]:
    refused = [
        {"revision": names[row.pk], "code": error.code, "detail": error.detail} for row, error in outcome.refused
    ]
    return {"decided": [names[row.pk] for row in outcome.done], "refused": refused}


def _waited(found: Waited) -> dict[str, int | None]:
    return {"count": found.count, "median_seconds": found.median_seconds, "p90_seconds": found.p90_seconds}
