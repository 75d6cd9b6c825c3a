"""``/adapters/{ns}/{name}/lineage``: what a revision was made of, and what was made of it."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.derivations.pedigree import Pedigree, Step, pedigree_of
from catalog.families.models import Basis
from hub.api.shapes import Output, refuse_unknown_parameters


class WhyOutput(Output):
    """Why something is not handed out any more."""

    reason = serializers.CharField()
    withdrawn_at = serializers.DateTimeField()
    is_removed = serializers.BooleanField()


class RelativeOutput(Output):
    """A revision in a lineage."""

    adapter = serializers.CharField(source="adapter.full_name")
    version = serializers.SerializerMethodField()
    commit_id = serializers.CharField()
    state = serializers.CharField()
    size_bytes = serializers.IntegerField()
    withdrawn = serializers.SerializerMethodField()

    def get_version(self, revision: Revision) -> str | None:
        """Its version tag."""
        version = getattr(revision, "version", None)
        return version.name if version else None

    @extend_schema_field(WhyOutput(allow_null=True))
    def get_withdrawn(self, revision: Revision) -> dict[str, Any] | None:
        """Why it is gone; null while it is there."""
        why = self.context["pedigree"].withdrawals.get(revision.pk)
        return dict(WhyOutput(why).data) if why else None


class StepOutput(Output):
    """One parent of one derivation."""

    commit_id = serializers.CharField(source="parent.commit_id")
    made = serializers.CharField()
    derivation = serializers.IntegerField(source="derivation.pk")
    kind = serializers.CharField(source="derivation.kind")
    role = serializers.CharField(source="parent.role")
    weight = serializers.FloatField(source="parent.weight", allow_null=True)
    digests = serializers.DictField(source="parent.digests", child=serializers.CharField())


class BasisOfOutput(Output):
    """A basis of a family that holds the revision."""

    family = serializers.CharField(source="family.full_name")
    number = serializers.IntegerField()
    state = serializers.CharField()


class LineageOutput(Output):
    """Everything that is known of where a revision comes from and where it went."""

    subject = RelativeOutput()
    ancestors = RelativeOutput(many=True)
    descendants = RelativeOutput(many=True)
    hidden_descendants = serializers.IntegerField(source="hidden")
    steps = serializers.SerializerMethodField()
    bases = serializers.SerializerMethodField()

    @extend_schema_field(StepOutput(many=True))
    def get_steps(self, pedigree: Pedigree) -> list[dict[str, Any]]:
        """The edges: commit ids of parent and of what was made."""
        steps: list[Step] = pedigree.steps
        return list(StepOutput(steps, many=True).data)

    @extend_schema_field(BasisOfOutput(many=True))
    def get_bases(self, pedigree: Pedigree) -> list[dict[str, Any]]:
        """Bases of families that it was compressed on."""
        bases: list[Basis] = pedigree.bases
        return list(BasisOfOutput(bases, many=True).data)


class LineageView(APIView):
    """The lineage of one revision."""

    @extend_schema(
        summary="Show the lineage of a revision",
        parameters=[
            OpenApiParameter("version", str, description="A version or commit id; the default version without")
        ],
        responses=LineageOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"version"})
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        revision = get_revision(request.user, adapter, request.query_params.get("version", ""))
        pedigree = pedigree_of(request.user, revision)
        return Response(LineageOutput(pedigree, context={"request": request, "pedigree": pedigree}).data)
