"""``/adapters/{ns}/{name}/why``: the tensors that do not fit a base model, and what fits instead."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.errors import InvalidInput
from catalog.fits.nearest import Alike
from catalog.fits.why import why
from hub.api.shapes import Output, refuse_unknown_parameters
from hub.api.similarity import NamedOutput


class BaseOutput(Output):
    """A base model, by name."""

    id = serializers.CharField(source="name")
    revision = serializers.CharField()


class UnfitOutput(Output):
    """A tensor that does not fit."""

    code = serializers.CharField()
    message = serializers.CharField()
    tensor = serializers.CharField(allow_null=True)
    expected = serializers.JSONField(allow_null=True)
    received = serializers.JSONField(allow_null=True)

    def to_representation(self, finding: dict[str, Any]) -> dict[str, Any]:
        """Absent parts are null."""
        return {str(name): finding.get(str(name)) for name in self.fields}


class AlikeOutput(Output):
    """Another adapter that fits, and what it shares with the one asked about."""

    adapter = serializers.CharField(source="entry.full_name")
    version = serializers.CharField(source="entry.version")
    method = serializers.CharField(source="entry.method")
    rank = serializers.IntegerField(source="entry.rank", allow_null=True)
    task = serializers.CharField(source="entry.task")
    languages = serializers.SerializerMethodField()
    downloads = serializers.IntegerField(source="entry.downloads")
    shares = serializers.ListField(child=serializers.CharField())

    def get_languages(self, row: Alike) -> list[str]:
        """BCP-47 tags."""
        return row.entry.languages.split()


class NearestOutput(Output):
    """What fits instead: versions of the same adapter, what it was made of or into, then others."""

    versions = NamedOutput(many=True)
    relatives = NamedOutput(many=True)
    adapters = AlikeOutput(many=True)


class WhyFitOutput(Output):
    """Whether a version fits a base model, and on what that rests."""

    revision = NamedOutput()
    base_model = BaseOutput(source="base")
    verdict = serializers.ChoiceField(["fits", "differs", "unknown"])
    reason = serializers.CharField()
    checked_tensors = serializers.IntegerField(source="checked")
    unmatched_tensors = serializers.IntegerField(source="unmatched")
    findings = UnfitOutput(many=True)
    findings_left_out = serializers.IntegerField()
    nearest = NearestOutput()
    fitting_base_models = BaseOutput(source="fitting_bases", many=True)


class WhyView(APIView):
    """Does it fit?"""

    @extend_schema(
        summary="Say whether an adapter fits a base model, tensor by tensor",
        parameters=[
            OpenApiParameter("base", str, required=True, description="id, alias or id@revision of a registered one"),
            OpenApiParameter("version", str, description="A version, branch or commit id; else the default version"),
        ],
        responses=WhyFitOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"base", "version"})
        asked = request.query_params
        if not asked.get("base"):
            raise InvalidInput(detail="which base model?", field="base", hint="Add ?base=org/model.")
        found = why(request.user, f"{namespace}/{name}", asked["base"], ref=asked.get("version", ""))
        return Response(WhyFitOutput(found).data)
