"""``/adapters/{ns}/{name}/revisions/{commit_id}/case``: whose it is, how soon, and what is said about it."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import NotPermitted
from catalog.reviews.handling import assign, can_read_thread, comment, prioritise, said_in
from catalog.reviews.models import Case
from catalog.reviews.queue import PRIORITIES, case_of
from hub.api.authentication import actor_of
from hub.api.reviews import CaseOutput
from hub.api.shapes import Input, Output, read


class SaidOutput(Output):
    """One line of a thread: a push, a decision or a remark."""

    at = serializers.DateTimeField()
    who = serializers.CharField(allow_blank=True)
    what = serializers.CharField()
    version = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)


class ThreadOutput(CaseOutput):
    """A case with all that was said over every push of its thread, the oldest first."""

    said = SaidOutput(many=True)


class CaseInput(Input):
    """What to change; ``assignee`` empty gives it to nobody."""

    assignee = serializers.CharField(max_length=150, allow_blank=True, required=False)
    priority = serializers.ChoiceField(list(PRIORITIES), required=False)


class CommentInput(Input):
    """A remark."""

    text = serializers.CharField(max_length=5000)


class CaseView(APIView):
    """One case."""

    write_scope = "review"
    is_login_required = True

    @extend_schema(summary="Show a case and its thread", responses=ThreadOutput)
    def get(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        revision = _revision(request, namespace, name, commit_id)
        if not can_read_thread(request.user, revision):
            raise NotPermitted(detail=f"you are no member of {namespace}")
        return Response(_thread(case_of(revision)))

    @extend_schema(summary="Assign a case, or set its priority", request=CaseInput, responses=ThreadOutput)
    def patch(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        revision, given = _revision(request, namespace, name, commit_id), read(CaseInput, request)
        actor = actor_of(request)
        if "assignee" in given:
            assign(actor, revision, given["assignee"])
        if "priority" in given:
            prioritise(actor, revision, given["priority"])
        return Response(_thread(case_of(revision)))


class CommentsView(APIView):
    """Remarks in the thread of a revision."""

    @extend_schema(summary="Say something about a revision", request=CommentInput, responses={201: SaidOutput})
    def post(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        made = comment(
            actor_of(request), _revision(request, namespace, name, commit_id), read(CommentInput, request)["text"]
        )
        said = {
            "at": made.created_at,
            "who": made.author.username,
            "what": "commented",
            "version": "",
            "text": made.text,
        }
        return Response(SaidOutput(said).data, status=201)


def _revision(request: Request, namespace: str, name: str, commit_id: str) -> Revision:
    return get_revision(request.user, get_adapter(request.user, f"{namespace}/{name}"), commit_id)


def _thread(case: Case) -> dict[str, object]:
    return {**CaseOutput(case).data, "said": SaidOutput(said_in(case.thread), many=True).data}
