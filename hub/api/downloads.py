"""``/adapters/{ns}/{name}/downloads``: how often it was downloaded, day by day."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.queries import get_adapter
from catalog.search.daily import downloads_by_day
from hub.api.shapes import Output, integer, refuse_unknown_parameters

_DAYS = 90


class DayOutput(Output):
    """One day (UTC)."""

    day = serializers.DateField()
    count = serializers.IntegerField()


class DownloadsOutput(Output):
    """Every day up to today, the oldest first; all versions together."""

    adapter = serializers.CharField()
    total = serializers.IntegerField()
    days = DayOutput(many=True)


class DownloadsView(APIView):
    """Downloads over time."""

    @extend_schema(
        summary="Downloads of an adapter day by day",
        parameters=[OpenApiParameter("days", int, description="How many days up to today: 1 to 366, 90 without")],
        responses=DownloadsOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"days"})
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        asked = integer(request, "days")
        days = downloads_by_day(adapter, days=_DAYS if asked is None else asked)
        body: dict[str, Any] = {"adapter": adapter.full_name, "total": sum(day.count for day in days), "days": days}
        return Response(DownloadsOutput(body).data)
