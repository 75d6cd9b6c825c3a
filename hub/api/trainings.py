"""``/adaptations`` and ``/transfers``: adapters that a worker trains, from others and for the user's own rows."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.derivations.adapting import request_adaptation
from catalog.derivations.transferring import request_transfer
from hub.api.authentication import actor_of
from hub.api.derivations import DerivationOutput, shown
from hub.api.shapes import Input, read


class AdaptationInput(Input):
    """What to learn, from whose directions, on which rows."""

    adapter = serializers.CharField(max_length=220)
    version = serializers.CharField(max_length=64, default="", allow_blank=True)
    members = serializers.ListField(child=serializers.CharField(max_length=300), default=list, max_length=200)
    family = serializers.CharField(max_length=220, default="", allow_blank=True)
    evaluation_set = serializers.CharField(max_length=220)
    settings = serializers.DictField(default=dict)


class TransferInput(Input):
    """Which adapter goes to which base model, and the texts that it is asked about on the way."""

    adapter = serializers.CharField(max_length=220)
    version = serializers.CharField(max_length=64, default="", allow_blank=True)
    source = serializers.CharField(max_length=300)  # type: ignore[assignment]
    base_model = serializers.CharField(max_length=300)
    text_set = serializers.CharField(max_length=220)
    evaluation_set = serializers.CharField(max_length=220, default="", allow_blank=True)
    settings = serializers.DictField(default=dict)


class AdaptationsView(APIView):
    """Coefficients on others' principal directions."""

    @extend_schema(
        summary="Learn coefficients on the directions of other adapters",
        request=AdaptationInput,
        responses={202: DerivationOutput},
    )
    def post(self, request: Request) -> Response:
        asked = request_adaptation(actor_of(request), **read(AdaptationInput, request))
        return Response(shown(request, asked), status=202)


class TransfersView(APIView):
    """An adapter on another base model."""

    @extend_schema(
        summary="Transfer an adapter to another base model (experimental)",
        request=TransferInput,
        responses={202: DerivationOutput},
    )
    def post(self, request: Request) -> Response:
        asked = request_transfer(actor_of(request), **read(TransferInput, request))
        return Response(shown(request, asked), status=202)
