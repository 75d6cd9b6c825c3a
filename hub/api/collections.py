"""``/collections``: named, ordered lists of adapters and records; every change is a numbered revision."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.collections.changing import add_items, change_item, remove_items, set_items
from catalog.collections.diffs import diff_collection
from catalog.collections.models import Collection, CollectionItem, CollectionRevision
from catalog.collections.queries import find_collections, get_collection, get_collection_revision, items_of
from catalog.collections.services import create_collection, delete_collection, update_collection
from catalog.errors import InvalidInput
from catalog.named import Visibility
from catalog.paging import page_of
from hub.api.authentication import actor_of
from hub.api.shapes import (
    CURSOR,
    LIMIT,
    Input,
    Output,
    cursor_and_limit,
    integer,
    page_response,
    page_schema,
    read,
    refuse_unknown_parameters,
)


class CollectionOutput(Output):
    """A collection; ``revision`` is the number of its newest revision."""

    full_name = serializers.CharField()
    namespace = serializers.CharField(source="namespace.name")
    name = serializers.CharField()
    visibility = serializers.CharField()
    summary = serializers.CharField()
    description = serializers.CharField()
    revision = serializers.IntegerField(source="number")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CollectionItemOutput(Output):
    """A line: ``name`` is what other calls name it by. ``version`` is empty where the default one is meant."""

    position = serializers.IntegerField()
    kind = serializers.ChoiceField(["adapter", "record"])
    name = serializers.SerializerMethodField()
    full_name = serializers.CharField()
    version = serializers.CharField()
    note = serializers.CharField()

    def get_name(self, item: CollectionItem) -> str:
        """``ns/name@1.2.0``, or ``records/source/path``."""
        return f"records/{item}" if item.kind == "record" else str(item)


class CollectionRevisionOutput(Output):
    """One change."""

    number = serializers.IntegerField()
    message = serializers.CharField()
    author = serializers.CharField(source="author.username", allow_null=True, default=None)
    created_at = serializers.DateTimeField()


class CollectionContentOutput(CollectionRevisionOutput):
    """A revision with the items that the caller may see."""

    collection = serializers.CharField(source="collection.full_name")
    summary = serializers.CharField()
    description = serializers.CharField()
    items = serializers.SerializerMethodField()

    @extend_schema(responses=CollectionItemOutput(many=True))
    def get_items(self, revision: CollectionRevision) -> list[dict[str, Any]]:
        """In their order, numbered as the caller sees them."""
        rows = list(items_of(self.context["viewer"], revision))
        for position, row in enumerate(rows, start=1):
            row.position = position
        return list(CollectionItemOutput(rows, many=True).data)


class ChangedItemOutput(Output):
    """An item before and after."""

    before = CollectionItemOutput()
    after = CollectionItemOutput()


class CollectionDiffOutput(Output):
    """What changed between two revisions; words only where they changed, as before and after."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    added = CollectionItemOutput(many=True)
    removed = CollectionItemOutput(many=True)
    moved = ChangedItemOutput(many=True)
    noted = ChangedItemOutput(many=True)
    other_version = ChangedItemOutput(many=True)
    summary = serializers.ListField(child=serializers.CharField(), allow_null=True)
    description = serializers.ListField(child=serializers.CharField(), allow_null=True)


class CollectionInput(Input):
    """A new collection."""

    namespace = serializers.CharField(max_length=96)
    name = serializers.CharField(max_length=96)
    visibility = serializers.ChoiceField(Visibility.values, default="public")
    summary = serializers.CharField(max_length=300, allow_blank=True, default="")
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")


class CollectionPatch(Input):
    """What changes."""

    visibility = serializers.ChoiceField(Visibility.values, required=False)
    summary = serializers.CharField(max_length=300, allow_blank=True, required=False)
    description = serializers.CharField(max_length=20_000, allow_blank=True, required=False)


class CollectionLineInput(Input):
    """One line of a whole list."""

    name = serializers.CharField(max_length=300)
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class CollectionListInput(Input):
    """The whole list anew; ``expected`` is the revision that the caller has seen."""

    items = CollectionLineInput(many=True)
    message = serializers.CharField(max_length=300, allow_blank=True, default="")
    expected = serializers.IntegerField(required=False, min_value=1)


class CollectionChangeInput(Input):
    """Lines to add, or to take out, or one to move or to annotate."""

    add = serializers.ListField(child=serializers.CharField(max_length=300), max_length=500, default=list)
    remove = serializers.ListField(child=serializers.CharField(max_length=300), max_length=500, default=list)
    item = serializers.CharField(max_length=300, required=False)
    position = serializers.IntegerField(min_value=1, required=False)
    note = serializers.CharField(max_length=500, allow_blank=True, required=False)
    message = serializers.CharField(max_length=300, allow_blank=True, default="")
    expected = serializers.IntegerField(required=False, min_value=1)


class CollectionsView(APIView):
    """Collections."""

    @extend_schema(
        operation_id="collections_list",
        summary="List collections",
        parameters=[
            OpenApiParameter("q", str, description="Words that must all occur in the name"),
            OpenApiParameter("namespace", str),
            CURSOR,
            LIMIT,
        ],
        responses=page_schema(CollectionOutput),
    )
    def get(self, request: Request) -> Response:
        refuse_unknown_parameters(request, {"q", "namespace"})
        asked = request.query_params
        found = find_collections(request.user, text=asked.get("q", ""), namespace=asked.get("namespace", ""))
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("namespace__name", "folded", "pk"), cursor=cursor, limit=limit)
        return page_response(page, CollectionOutput, request)

    @extend_schema(summary="Make a collection", request=CollectionInput, responses={201: CollectionOutput})
    def post(self, request: Request) -> Response:
        body = read(CollectionInput, request)
        full_name = f"{body.pop('namespace')}/{body.pop('name')}"
        made = create_collection(actor_of(request), full_name=full_name, **body)
        return Response(CollectionOutput(made).data, status=201)


class CollectionView(APIView):
    """One collection."""

    @extend_schema(summary="Show a collection", responses=CollectionOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        return Response(CollectionOutput(get_collection(request.user, f"{namespace}/{name}")).data)

    @extend_schema(summary="Change a collection's words", request=CollectionPatch, responses=CollectionOutput)
    def patch(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        collection = get_collection(actor, f"{namespace}/{name}")
        return Response(CollectionOutput(update_collection(actor, collection, **read(CollectionPatch, request))).data)

    @extend_schema(summary="Delete a collection; what it held stays", responses={204: None})
    def delete(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        delete_collection(actor, get_collection(actor, f"{namespace}/{name}"))
        return Response(status=204)


class CollectionItemsView(APIView):
    """What is in it now."""

    @extend_schema(summary="List a collection's items", responses=CollectionContentOutput)
    def get(self, request: Request, namespace: str, name: str) -> Response:
        return _content(request, get_collection(request.user, f"{namespace}/{name}"), None)

    @extend_schema(
        summary="Say a collection's whole list anew", request=CollectionListInput, responses=CollectionContentOutput
    )
    def put(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        collection = get_collection(actor, f"{namespace}/{name}")
        body = read(CollectionListInput, request)
        lines = [(line["name"], line["note"]) for line in body.pop("items")]
        made = set_items(actor, collection, lines, **body)
        return _content(request, collection, made.number)

    @extend_schema(
        summary="Add, take out, move or annotate items",
        request=CollectionChangeInput,
        responses=CollectionContentOutput,
    )
    def patch(self, request: Request, namespace: str, name: str) -> Response:
        actor = actor_of(request)
        collection = get_collection(actor, f"{namespace}/{name}")
        body = read(CollectionChangeInput, request)
        said: dict[str, Any] = {"message": body["message"], "expected": body.get("expected")}
        changes = [bool(body["add"]), bool(body["remove"]), "item" in body]
        if sum(changes) != 1:
            raise InvalidInput(detail="one of add, remove and item is needed", field="add")
        if body["add"]:
            made = add_items(actor, collection, body["add"], note=body.get("note", ""), **said)
        elif body["remove"]:
            made = remove_items(actor, collection, body["remove"], **said)
        else:
            position, note = body.get("position"), body.get("note")
            made = change_item(actor, collection, body["item"], position=position, note=note, **said)
        return _content(request, collection, made.number)


class CollectionRevisionsView(APIView):
    """Its changes, the newest first."""

    @extend_schema(
        operation_id="collection_revisions_list",
        summary="List a collection's revisions",
        parameters=[CURSOR, LIMIT],
        responses=page_schema(CollectionRevisionOutput),
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        found = get_collection(request.user, f"{namespace}/{name}").revisions.select_related("author")
        cursor, limit = cursor_and_limit(request)
        page = page_of(found, ("-number",), cursor=cursor, limit=limit)
        return page_response(page, CollectionRevisionOutput, request)


class CollectionRevisionView(APIView):
    """A collection as it was."""

    @extend_schema(summary="Show a revision of a collection", responses=CollectionContentOutput)
    def get(self, request: Request, namespace: str, name: str, number: int) -> Response:
        return _content(request, get_collection(request.user, f"{namespace}/{name}"), number)


class CollectionDiffView(APIView):
    """What changed."""

    @extend_schema(
        summary="Compare two revisions of a collection",
        parameters=[
            OpenApiParameter("from", int, description="The newest but one without it"),
            OpenApiParameter("to", int, description="The newest without it"),
        ],
        responses=CollectionDiffOutput,
    )
    def get(self, request: Request, namespace: str, name: str) -> Response:
        refuse_unknown_parameters(request, {"from", "to"})
        collection = get_collection(request.user, f"{namespace}/{name}")
        end = integer(request, "to")
        end = collection.number if end is None else end
        start = integer(request, "from")
        found = diff_collection(request.user, collection, max(1, end - 1) if start is None else start, end)
        return Response(CollectionDiffOutput(found).data)


def _content(request: Request, collection: Collection, number: int | None) -> Response:
    revision = get_collection_revision(collection, number)
    return Response(CollectionContentOutput(revision, context={"viewer": request.user}).data)
