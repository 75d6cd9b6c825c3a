"""``/adapters/{ns}/{name}/revisions``: commits, and what was found about them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import File, Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.errors import NotFound
from catalog.evidence.models import Evidence
from catalog.paging import page_of
from hub.api.shapes import CURSOR, LIMIT, Output, cursor_and_limit, page_response, page_schema


class FileOutput(Output):
    """One file of a revision."""

    path = serializers.CharField()
    size_bytes = serializers.IntegerField(source="blob.size_bytes")
    sha256 = serializers.CharField(source="blob.sha256")
    git_id = serializers.CharField(source="blob.git_id")
    is_damaged = serializers.BooleanField(source="blob.is_damaged")

    def to_representation(self, file: File) -> dict[str, Any]:
        """Written out by hand: a plan of a pull has many, and the generic fields take longer than finding them."""
        blob = file.blob
        return {
            "path": file.path,
            "size_bytes": blob.size_bytes,
            "sha256": blob.sha256,
            "git_id": blob.git_id,
            "is_damaged": blob.is_damaged,
        }


class ReviewOutput(Output):
    """A decision."""

    decision = serializers.CharField()
    reason = serializers.CharField()
    reviewer = serializers.CharField(source="reviewer.username")
    created_at = serializers.DateTimeField()


class RevisionOutput(Output):
    """A commit with its facts, claims and findings."""

    commit_id = serializers.CharField()
    tree_id = serializers.CharField()
    adapter = serializers.CharField(source="adapter.full_name")
    version = serializers.SerializerMethodField()
    state = serializers.CharField()
    is_default = serializers.SerializerMethodField()
    message = serializers.CharField()
    author = serializers.CharField(source="author.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)
    size_bytes = serializers.IntegerField()
    summary = serializers.CharField()
    task = serializers.CharField()
    languages = serializers.ListField(child=serializers.CharField())
    license = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    files = FileOutput(many=True)
    facts = serializers.JSONField()
    claims = serializers.JSONField()
    report = serializers.JSONField()
    base_model = serializers.SerializerMethodField()
    method = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True)
    job = serializers.UUIDField(source="validation_job_id", allow_null=True)
    review = serializers.SerializerMethodField()

    def get_version(self, revision: Revision) -> str | None:
        """The version tag that it holds; None once a refusal freed it."""
        version = getattr(revision, "version", None)
        return version.name if version else None

    def get_is_default(self, revision: Revision) -> bool:
        """Whether a pull without a version gets this one."""
        default = revision.adapter.default_version
        return default is not None and default.revision_id == revision.pk

    def get_base_model(self, revision: Revision) -> dict[str, str] | None:
        """Id and revision of the base model that it was checked against."""
        base = revision.base_model
        return {"id": base.name, "revision": base.revision} if base else None

    def get_review(self, revision: Revision) -> dict[str, Any] | None:
        """The newest decision."""
        newest = next(iter(revision.reviews.all()), None)
        return dict(ReviewOutput(newest).data) if newest else None


class EvidenceOutput(Output):
    """What was measured of a revision after it was accepted; never a verdict."""

    device = serializers.CharField()
    statistics = serializers.JSONField()
    comparison = serializers.JSONField(allow_null=True)
    peers = serializers.IntegerField()
    skipped = serializers.JSONField(allow_null=True)
    created_at = serializers.DateTimeField()


class RevisionsView(APIView):
    """The revisions of an adapter that the caller may see, newest first."""

    @extend_schema(
        operation_id="revisions_list",
        summary="List revisions",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(RevisionOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        cursor, limit = cursor_and_limit(request)
        found = adapter.revisions.visible_to(request.user).for_display()
        return page_response(
            page_of(found, ("-created_at", "-id"), cursor=cursor, limit=limit), RevisionOutput, request
        )


class RevisionView(APIView):
    """One revision."""

    @extend_schema(summary="Show a revision", responses=RevisionOutput)
    def get(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        revision = get_revision(request.user, get_adapter(request.user, f"{namespace}/{name}"), commit_id)
        return Response(RevisionOutput(revision, context={"request": request}).data)


class EvidenceView(APIView):
    """What was measured of one revision."""

    @extend_schema(summary="Show the evidence about a revision", responses=EvidenceOutput)
    def get(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        revision = get_revision(request.user, get_adapter(request.user, f"{namespace}/{name}"), commit_id)
        evidence = Evidence.objects.filter(revision_id=revision.pk).first()
        if evidence is None:
            raise NotFound(detail=f"nothing was measured of {revision} yet", hint="Workers measure what they accept.")
        return Response(EvidenceOutput(evidence).data)
