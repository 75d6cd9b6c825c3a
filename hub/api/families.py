"""``/families``: adapters on a shared basis; their members and bases."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.models import Visibility
from catalog.bases.queries import find_base
from catalog.families.members import add_members, decide_consent, get_member, remove_member
from catalog.families.models import Basis, BasisState, Consent, Family
from catalog.families.queries import find_families, get_basis, get_family, members_of
from catalog.families.requesting import request_basis
from catalog.families.services import create_family, delete_family, update_family
from catalog.jobs.models import Job
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Input,
    Output,
    cursor_and_limit,
    page_response,
    page_schema,
    read,
    refuse_unknown_parameters,
)


class FamilyOutput(Output):
    """A family; ``current`` is the number of the basis that pulls use."""

    full_name = serializers.CharField()
    namespace = serializers.CharField(source="namespace.name")
    name = serializers.CharField()
    visibility = serializers.CharField()
    summary = serializers.CharField()
    base_model = serializers.SerializerMethodField()
    rule = serializers.JSONField()
    options = serializers.JSONField(source="settings")
    current = serializers.IntegerField(source="current.number", allow_null=True, default=None)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_base_model(self, family: Family) -> dict[str, str]:
        """Its id and revision."""
        return {"id": family.base_model.name, "revision": family.base_model.revision}


class FamilyInput(Input):
    """A new family."""

    namespace = serializers.CharField(max_length=96)
    name = serializers.CharField(max_length=96)
    base_model = serializers.CharField(max_length=300)
    visibility = serializers.ChoiceField(Visibility.values, default="public")
    summary = serializers.CharField(max_length=300, allow_blank=True, default="")
    rule = serializers.DictField(default=dict)
    options = serializers.DictField(default=dict)


class FamilyPatch(Input):
    """What changes."""

    visibility = serializers.ChoiceField(Visibility.values, required=False)
    summary = serializers.CharField(max_length=300, allow_blank=True, required=False)
    rule = serializers.DictField(required=False)
    options = serializers.DictField(required=False)


class FamilyMemberOutput(Output):
    """An adapter of a family, and whether its people agree."""

    adapter = serializers.CharField(source="adapter.full_name")
    version = serializers.CharField(source="adapter.default_version.name", allow_null=True, default=None)
    consent = serializers.ChoiceField(Consent.values)
    decided_at = serializers.DateTimeField(allow_null=True)
    added_at = serializers.DateTimeField()


class MembersInput(Input):
    """Adapters to add."""

    adapters = serializers.ListField(child=serializers.CharField(max_length=220), allow_empty=False, max_length=500)


class ConsentInput(Input):
    """An owner's word."""

    consent = serializers.ChoiceField(["given", "refused"])


class BasisOutput(Output):
    """A basis: how it was asked for, what it was made of, and what it came to."""

    reference = serializers.CharField(source="__str__")
    family = serializers.CharField(source="family.full_name")
    number = serializers.IntegerField()
    state = serializers.ChoiceField(BasisState.values)
    method = serializers.CharField()
    options = serializers.SerializerMethodField()
    made_with = serializers.JSONField()
    report = serializers.JSONField()
    curve = serializers.JSONField()
    error = serializers.SerializerMethodField()
    left_out = serializers.SerializerMethodField()
    sha256 = serializers.CharField(source="blob_id", allow_null=True)
    size_bytes = serializers.IntegerField()
    reason = serializers.CharField()
    job = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True)

    def get_options(self, basis: Basis) -> dict[str, Any]:
        """What was asked for, in full."""
        return dict(basis.recipe.get("options") or {})

    def get_error(self, basis: Basis) -> dict[str, str] | None:
        """Why it failed: the code alone for those who may not see the job, since words may name a private member."""
        if basis.error is None or basis.job_id in self.context["jobs"]:
            return basis.error
        return {"code": str(basis.error.get("code"))}

    def get_left_out(self, basis: Basis) -> list[dict[str, str]]:
        """Members that could not enter it, with code and detail, for those who may see the job."""
        return list(basis.recipe.get("left_out") or []) if basis.job_id in self.context["jobs"] else []

    def get_job(self, basis: Basis) -> str | None:
        """The job that makes it, for those who may see the job."""
        return str(basis.job_id) if basis.job_id in self.context["jobs"] else None


class BasisInput(Input):
    """How to make the next basis; what is left out is the family's own."""

    options = serializers.DictField(default=dict)
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


class FamiliesView(APIView):
    """Families."""

    @extend_schema(
        operation_id="families_list",
        summary="List families",
        parameters=[
            OpenApiParameter("q", str, description="Words that must all occur in the name"),
            OpenApiParameter("namespace", str),
            OpenApiParameter("base_model", str),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(FamilyOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"q", "namespace", "base_model"})
        asked = request.query_params
        base = find_base(asked["base_model"]) if asked.get("base_model") else None
        found = find_families(
            request.user,
            text=asked.get("q", ""),
            namespace=asked.get("namespace", ""),
            base_model_id=base.pk if base else -1 if asked.get("base_model") else None,
        )
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("namespace__name", "folded", "pk"), cursor=cursor, limit=limit)
        return page_response(page, FamilyOutput, request)

    @extend_schema(summary="Make a family", request=FamilyInput, responses={201: FamilyOutput})
    def post(self, request: Request) -> Response:
        body = read(FamilyInput, request)
        full_name = f"{body.pop('namespace')}/{body.pop('name')}"
        return Response(FamilyOutput(create_family(actor_of(request), full_name=full_name, **body)).data, status=201)


class FamilyView(APIView):
    """One family."""

    @extend_schema(summary="Show a family", responses=FamilyOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        return Response(FamilyOutput(get_family(request.user, f"{namespace}/{name}")).data)

    @extend_schema(summary="Change a family", request=FamilyPatch, responses=FamilyOutput)
    def patch(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        family = get_family(actor, f"{namespace}/{name}")
        return Response(FamilyOutput(update_family(actor, family, **read(FamilyPatch, request))).data)

    @extend_schema(summary="Delete a family; its adapters stay", responses={204: None})
    def delete(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        delete_family(actor, get_family(actor, f"{namespace}/{name}"))
        return Response(status=204)


class FamilyMembersView(APIView):
    """The adapters of a family."""

    @extend_schema(
        operation_id="family_members_list",
        summary="List the members of a family that the caller may see",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(FamilyMemberOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        found = members_of(request.user, get_family(request.user, f"{namespace}/{name}"))
        cursor, limit = cursor_and_limit(request)
        return page_response(page_of(found, ("pk",), cursor=cursor, limit=limit), FamilyMemberOutput, request)

    @extend_schema(summary="Add adapters", request=MembersInput, responses={201: FamilyMemberOutput(many=True)})
    def post(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        family = get_family(actor, f"{namespace}/{name}")
        added = add_members(actor, family, read(MembersInput, request)["adapters"])
        return Response(FamilyMemberOutput(added, many=True).data, status=201)


class FamilyMemberView(APIView):
    """One adapter of a family."""

    @extend_schema(
        summary="Give or refuse an adapter's consent, as an owner of its namespace",
        request=ConsentInput,
        responses=FamilyMemberOutput,
    )
    def put(self, request: Request, namespace: str, name: str, adapter: str) -> Response:
        actor = actor_of(request)
        member = get_member(actor, get_family(actor, f"{namespace}/{name}"), adapter)
        is_given = read(ConsentInput, request)["consent"] == "given"
        return Response(FamilyMemberOutput(decide_consent(actor, member, is_given=is_given)).data)

    @extend_schema(summary="Take an adapter out of the next basis", responses={204: None})
    def delete(self, request: Request, namespace: str, name: str, adapter: str) -> Response:
        actor = actor_of(request)
        family = get_family(actor, f"{namespace}/{name}")
        remove_member(actor, family, get_member(actor, family, adapter))
        return Response(status=204)


class BasesView(APIView):
    """The bases of a family, the newest first."""

    @extend_schema(
        operation_id="family_bases_list",
        summary="List bases",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(BasisOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        family = get_family(request.user, f"{namespace}/{name}")
        found = Basis.objects.visible_to(request.user).filter(family=family).select_related("family__namespace")
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("-number",), cursor=cursor, limit=limit)
        return page_response(page, BasisOutput, request, jobs=jobs_seen(request, list(page.rows)))

    @extend_schema(summary="Ask for the next basis", request=BasisInput, responses={202: BasisOutput})
    def post(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        basis = request_basis(actor, get_family(actor, f"{namespace}/{name}"), **read(BasisInput, request))
        return Response(BasisOutput(basis, context={"jobs": jobs_seen(request, [basis])}).data, status=202)


class BasisView(APIView):
    """One basis."""

    @extend_schema(summary="Show a basis", responses=BasisOutput)
    def get(self, request: Request, namespace: str, name: str, number: int) -> Response:
        basis = get_basis(request.user, get_family(request.user, f"{namespace}/{name}"), number)
        return Response(BasisOutput(basis, context={"jobs": jobs_seen(request, [basis])}).data)


def jobs_seen(request: Request, rows: list[Basis]) -> set[object]:
    """Ids of the jobs of these bases that the caller may see."""
    wanted = {row.job_id for row in rows if row.job_id}
    return set(Job.objects.visible_to(request.user).filter(pk__in=wanted).values_list("pk", flat=True))
