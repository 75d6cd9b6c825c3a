"""Similar adapters, copies for reviewers, and families that the weights propose."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.accounts.services import can_review
from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.bases.queries import get_base
from catalog.errors import InvalidInput, NotPermitted
from catalog.similarity.near import SIMILAR_COSINE, Near, copies_of, similar_to
from catalog.similarity.proposing import Proposal, propose_families
from hub.api.authentication import actor_of
from hub.api.shapes import LIMIT, Output, integer, refuse_unknown_parameters

_MOST = 100
_USUAL = 10


class NamedOutput(Output):
    """One revision, by name."""

    adapter = serializers.CharField(source="adapter.full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField()
    state = serializers.CharField()
    base_model = serializers.SerializerMethodField()
    rank = serializers.IntegerField(allow_null=True)
    visibility = serializers.CharField(source="adapter.visibility")

    def get_version(self, revision: Revision) -> str | None:
        """The version tag that it holds."""
        version = getattr(revision, "version", None)
        return version.name if version else None

    def get_base_model(self, revision: Revision) -> dict[str, str] | None:
        """Id and revision of the base model that it was checked against."""
        base = revision.base_model
        return {"id": base.name, "revision": base.revision} if base else None


class NearOutput(Output):
    """Another revision, and how near it is."""

    revision = NamedOutput()
    likeness = serializers.ChoiceField(["same_tensors", "copy", "near_duplicate", "similar"])
    cosine = serializers.FloatField(allow_null=True)
    standard_error = serializers.FloatField(allow_null=True)
    initial_a_cosine = serializers.FloatField(source="initial_a")
    norm_ratio = serializers.FloatField()
    relation = serializers.ChoiceField(["parent", "child"], allow_null=True)

    def to_representation(self, row: Near) -> dict[str, Any]:
        """The cosines with as many digits as mean something."""
        shown: dict[str, Any] = super().to_representation(row)
        for name in ("cosine", "standard_error", "initial_a_cosine", "norm_ratio"):
            shown[name] = None if shown[name] is None else float(f"{shown[name]:.5g}")
        return shown | {"relation": row.relation or None}


class FingerprintOutput(Output):
    """What is known of the weights of the revision itself; ``factors`` are medians over modules of A and of B apart."""

    norm = serializers.FloatField()
    modules = serializers.IntegerField()
    is_partial = serializers.BooleanField()
    factors = serializers.DictField(child=serializers.FloatField())
    skipped = serializers.JSONField(allow_null=True)
    made_at = serializers.DateTimeField()


class SimilarOutput(Output):
    """The neighbourhood of one revision, as far as the caller may see it."""

    revision = NamedOutput()
    fingerprint = FingerprintOutput()
    similar = NearOutput(many=True)
    same_initial_a = NearOutput(many=True)


class CopiesOutput(Output):
    """What a reviewer should know."""

    revision = NamedOutput()
    copies = NearOutput(many=True)
    has_hidden_copy = serializers.BooleanField()


class ProposalOutput(Output):
    """Adapters that began at the same A."""

    members = NamedOutput(many=True)
    mean_initial_a_cosine = serializers.FloatField(source="mean_initial_a")
    mean_cosine = serializers.FloatField(source="mean_update")
    modules = serializers.IntegerField()
    ranks = serializers.ListField(child=serializers.IntegerField())
    namespaces = serializers.ListField(child=serializers.CharField())

    def to_representation(self, proposal: Proposal) -> dict[str, Any]:
        """The cosines with as many digits as mean something."""
        shown: dict[str, Any] = super().to_representation(proposal)
        means = ("mean_initial_a_cosine", "mean_cosine")
        return shown | {name: float(f"{shown[name]:.3g}") for name in means}


class ProposalsOutput(Output):
    """What was looked at, and what came of it."""

    considered = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    alone = serializers.IntegerField()
    proposals = ProposalOutput(many=True)


class SimilarView(APIView):
    """What is near an adapter."""

    @extend_schema(
        summary="Show similar adapters",
        parameters=[
            OpenApiParameter("version", str, description="A version or a commit; the default version when left out"),
            OpenApiParameter("least_cosine", float, description=f"Default {SIMILAR_COSINE}"),
            LIMIT,
        ],
        responses=SimilarOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"version", "least_cosine"})
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        revision = get_revision(request.user, adapter, request.query_params.get("version", ""))
        found = similar_to(request.user, revision, limit=_limit(request), least_cosine=_least_cosine(request))
        body = {
            "revision": revision,
            "fingerprint": found.fingerprint,
            "similar": found.similar,
            "same_initial_a": found.same_start,
        }
        return Response(SimilarOutput(body).data)


class CopiesView(APIView):
    """Copies of a revision, for those who review it."""

    @extend_schema(summary="Show copies and near duplicates", parameters=[LIMIT], responses=CopiesOutput)
    def get(self, request: Request, namespace: str, name: str, commit_id: str) -> Response:
        actor = actor_of(request)
        revision = get_revision(actor, get_adapter(actor, f"{namespace}/{name}"), commit_id)
        if not can_review(actor, revision.adapter.namespace):
            raise NotPermitted(detail=f"you do not review in {namespace}", hint=f"Ask an owner of {namespace}.")
        found = copies_of(actor, revision, limit=_limit(request))
        body = {"revision": revision, "copies": found.found, "has_hidden_copy": found.has_hidden}
        return Response(CopiesOutput(body).data)


class ProposalsView(APIView):
    """Families that the weights propose."""

    @extend_schema(
        summary="Propose families by initial A",
        parameters=[
            OpenApiParameter("base_model", str, required=True, description="id or id@revision"),
            OpenApiParameter("namespace", str, description="Only adapters of this one"),
            OpenApiParameter("least_members", int, description="Default 2"),
        ],
        responses=ProposalsOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"base_model", "namespace", "least_members"})
        asked = request.query_params
        if not asked.get("base_model"):
            raise InvalidInput(detail="which base model?", field="base_model", hint="Add ?base_model=org/model.")
        least = integer(request, "least_members")
        found = propose_families(
            request.user,
            get_base(asked["base_model"]),
            namespace=asked.get("namespace", ""),
            least_members=2 if least is None else least,
        )
        return Response(ProposalsOutput(found).data)


def _limit(request: Request) -> int:
    limit = integer(request, "limit")
    if limit is not None and not 1 <= limit <= _MOST:
        raise InvalidInput(detail=f"limit is {limit}; it must be 1 to {_MOST}", field="limit")
    return limit or _USUAL


def _least_cosine(request: Request) -> float:
    text = request.query_params.get("least_cosine") or str(SIMILAR_COSINE)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1.0 <= value <= 1.0:
        raise InvalidInput(detail=f"least_cosine is {text[:40]!r}; it must be -1 to 1", field="least_cosine")
    return value
