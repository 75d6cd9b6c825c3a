"""``/merges``: ask for a merge of stored adapters, or for a look at one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.derivations.merge_options import METHODS
from catalog.derivations.merging import AskedMerge, request_merge, request_preview
from hub.api.authentication import actor_of
from hub.api.derivations import DerivationOutput, shown
from hub.api.drafts import TargetInput, target_of
from hub.api.jobs import JobOutput
from hub.api.shapes import Input, Output, read


class MergedInput(Input):
    """One adapter, and how much of it."""

    adapter = serializers.CharField(max_length=300)
    weight = serializers.FloatField(default=1.0)


class WeightSearchInput(Input):
    """On which rows weights are searched, and how long."""

    evaluation_set = serializers.CharField(max_length=220)
    rows = serializers.IntegerField(required=False)
    budget = serializers.IntegerField(required=False)
    bound = serializers.FloatField(required=False)
    l1_penalty = serializers.FloatField(required=False)


class LookInput(Input):
    """What is merged, and how."""

    members = MergedInput(many=True)
    method = serializers.ChoiceField(list(METHODS), default="cat")
    heads = serializers.CharField(max_length=300, default="", allow_blank=True)
    settings = serializers.DictField(default=dict)


class MergeInput(LookInput, TargetInput):
    """A merge: what, how, and where the draft goes."""

    search = WeightSearchInput(required=False)


class MergeMethodOutput(Output):
    """A method, and which options mean something to it."""

    method = serializers.CharField()
    says = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())


class MergeMethodsOutput(Output):
    """Every method of merging."""

    results = MergeMethodOutput(many=True)


class MergesView(APIView):
    """Methods, and new merges."""

    @extend_schema(summary="List the methods of merging", responses=MergeMethodsOutput)
    def get(self, request: Request) -> Response:
        rows = [
            {
                "method": name,
                "says": method.says,
                "options": [
                    option
                    for option, has in (
                        ("density", method.has_density or method.has_inner),
                        ("rank", method.has_rank),
                        ("inner", method.has_inner),
                        ("alignment", name == "mera"),
                        ("compat", method.is_peft),
                    )
                    if has
                ],
            }
            for name, method in METHODS.items()
        ]
        return Response({"results": rows})

    @extend_schema(summary="Merge adapters into a draft", request=MergeInput, responses={202: DerivationOutput})
    def post(self, request: Request) -> Response:
        given = read(MergeInput, request)
        made = request_merge(actor_of(request), asked_of(given), target_of(given))
        return Response(shown(request, made), status=202)


class MergePreviewView(APIView):
    """A look at a merge before anything is computed."""

    @extend_schema(
        summary="Look at a merge: norms, overlaps, sign conflicts, heads", request=LookInput, responses={202: JobOutput}
    )
    def post(self, request: Request) -> Response:
        job = request_preview(actor_of(request), asked_of(read(LookInput, request)))
        return Response(JobOutput(job).data, status=202)


def asked_of(given: dict[str, Any]) -> AskedMerge:
    """What a body asks to be merged."""
    members = [(member["adapter"], member["weight"]) for member in given["members"]]
    search = dict(given["search"]) if given.get("search") else None
    return AskedMerge(members, given["method"], given["heads"], given["settings"], search)
