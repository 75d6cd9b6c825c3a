"""``/search``: facets of what a query finds, and suggestions while it is typed."""

from dataclasses import asdict

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.search.alternatives import Meant, Without, alternatives
from catalog.search.parameters import PARAMETERS, query_from
from catalog.search.parts import written
from catalog.search.queries import facets
from catalog.search.suggesting import suggest
from hub.api.query_parameters import QUERY_PARAMETERS
from hub.api.shapes import Output, integer, refuse_unknown_parameters


class FacetValueOutput(Output):
    """One value and how many adapters carry it."""

    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetsOutput(Output):
    """The query as it was read, and its facets."""

    query = serializers.CharField()
    is_exact = serializers.BooleanField()
    facets = serializers.DictField(child=FacetValueOutput(many=True))


class SuggestionOutput(Output):
    """What the query may become."""

    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    says = serializers.CharField()
    text = serializers.CharField()
    at = serializers.IntegerField()
    count = serializers.IntegerField(allow_null=True)


class SuggestionsOutput(Output):
    """Suggestions, the likeliest first."""

    results = SuggestionOutput(many=True)


class WithoutOutput(Output):
    """What would be found without one condition."""

    text = serializers.CharField(source="part.text")
    count = serializers.IntegerField()
    is_exact = serializers.BooleanField()
    query = serializers.SerializerMethodField()

    def get_query(self, found: Without) -> str:
        """The query without it."""
        return written(found.part.rest)


class MeantOutput(Output):
    """A query that finds something."""

    typed = serializers.CharField()
    word = serializers.CharField()
    query = serializers.SerializerMethodField()

    def get_query(self, found: Meant) -> str:
        """The query with that word in place of what was typed."""
        return written(found.query)


class AlternativesOutput(Output):
    """What to try instead of a query that finds nothing."""

    query = serializers.CharField()
    without = WithoutOutput(many=True)
    meant = MeantOutput(many=True)


class AlternativesView(APIView):
    """What to try instead."""

    @extend_schema(
        summary="What to try instead of a query that finds nothing",
        parameters=QUERY_PARAMETERS,
        responses=AlternativesOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set(PARAMETERS))
        query = query_from(request.query_params)
        found = alternatives(query, request.user)
        body = {"query": written(query), "without": found.without, "meant": found.meant}
        return Response(AlternativesOutput(body).data)


class FacetsView(APIView):
    """Facets of a query."""

    @extend_schema(summary="Count what a query finds, by facet", parameters=QUERY_PARAMETERS, responses=FacetsOutput)
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, set(PARAMETERS))
        query = query_from(request.query_params)
        counted = asdict(facets(query, request.user))
        body = {"query": written(query), "is_exact": counted.pop("is_exact"), "facets": counted}
        return Response(FacetsOutput(body).data)


class SuggestView(APIView):
    """Suggestions for a query."""

    @extend_schema(
        summary="Complete a query while it is typed",
        parameters=[
            OpenApiParameter("q", str, description="What is typed"),
            OpenApiParameter("at", int, description="The place of the caret, from 0; the end where left out"),
        ],
        responses=SuggestionsOutput,
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"q", "at"})
        found = suggest(request.query_params.get("q", ""), request.user, at=integer(request, "at"))
        return Response(SuggestionsOutput({"results": found}).data)
