"""``/reductions`` and ``/extractions``: ask for a smaller adapter, or for a LoRA out of a checkpoint."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.derivations.reduce_options import OPERATIONS
from catalog.derivations.reducing import request_extraction, request_reduction
from hub.api.authentication import actor_of
from hub.api.derivations import DerivationOutput, shown
from hub.api.drafts import TargetInput, target_of
from hub.api.shapes import Output, read


class ReductionInput(TargetInput):
    """What is made smaller, how, and where the draft goes."""

    source = serializers.CharField(max_length=300)  # type: ignore[assignment]
    operation = serializers.ChoiceField(list(OPERATIONS))
    settings = serializers.DictField(default=dict)


class ExtractionInput(TargetInput):
    """Two registered models, and where the draft goes."""

    base_model = serializers.CharField(max_length=300)
    tuned_model = serializers.CharField(max_length=300)
    settings = serializers.DictField(default=dict)


class OperationOutput(Output):
    """An operation, its options, and those of which exactly one is given."""

    operation = serializers.CharField()
    says = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    one_of = serializers.ListField(child=serializers.CharField())


class OperationsOutput(Output):
    """Every operation that makes an adapter smaller."""

    results = OperationOutput(many=True)


class ReductionsView(APIView):
    """Operations, and new reductions."""

    @extend_schema(summary="List the operations that make an adapter smaller", responses=OperationsOutput)
    def get(self, request: Request) -> Response:
        rows = [
            {"operation": name, "says": row.says, "options": sorted(row.options), "one_of": list(row.one_of)}
            for name, row in OPERATIONS.items()
        ]
        return Response({"results": rows})

    @extend_schema(
        summary="Make an adapter smaller, as a draft", request=ReductionInput, responses={202: DerivationOutput}
    )
    def post(self, request: Request) -> Response:
        given = read(ReductionInput, request)
        what = {name: given[name] for name in ("source", "operation", "settings")}
        made = request_reduction(actor_of(request), target=target_of(given), **what)
        return Response(shown(request, made), status=202)


class ExtractionsView(APIView):
    """New extractions."""

    @extend_schema(
        summary="Make a LoRA out of a fine-tuned checkpoint, as a draft",
        request=ExtractionInput,
        responses={202: DerivationOutput},
    )
    def post(self, request: Request) -> Response:
        given = read(ExtractionInput, request)
        what = {name: given[name] for name in ("base_model", "tuned_model", "settings")}
        made = request_extraction(actor_of(request), target=target_of(given), **what)
        return Response(shown(request, made), status=202)
