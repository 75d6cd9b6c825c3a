"""Find collections, their revisions and items: only what somebody may see."""

from django.db.models import F

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter
from catalog.collections.models import Collection, CollectionItem, CollectionRevision
from catalog.collections.querysets import CollectionItemQuerySet, CollectionQuerySet
from catalog.errors import NotFound
from catalog.names import fold
from catalog.records.models import Record

_MOST_WITH = 20


def find_collections(actor: Actor, *, text: str = "", namespace: str = "") -> CollectionQuerySet:
    """Collections that ``actor`` may see."""
    found = Collection.objects.visible_to(actor).select_related("namespace")
    for word in text.split()[:10]:
        found = found.filter(folded__contains=fold(word))
    if namespace:
        found = found.filter(namespace__folded=fold(namespace))
    return found


def get_collection(actor: Actor, full_name: str) -> Collection:
    """The collection. Raises NotFound ``collection_not_found``, whether it is absent or hidden from ``actor``."""
    found = Collection.objects.named(full_name).visible_to(actor).select_related("namespace").first()
    if found is None:
        raise NotFound(
            "collection_not_found",
            f"no collection {full_name[:200]!r} that you may see",
            field="collection",
            hint="Check the name, or sign in.",
        )
    return found


def get_collection_revision(collection: Collection, number: int | None = None) -> CollectionRevision | None:
    """A revision of a collection; without a number the newest, None before there is one.

    Raises NotFound ``no_such_revision``.
    """
    wanted = collection.number if number is None else number
    found = collection.revisions.select_related("author").filter(number=wanted).first()
    if found is None and number is not None:
        raise NotFound(
            "no_such_revision",
            f"{collection} has no revision {number}",
            field="revision",
            hint=f"Its newest is {collection.number}.",
        )
    return found


def items_of(actor: Actor, revision: CollectionRevision | None) -> CollectionItemQuerySet:
    """Items of a revision in their order, as far as ``actor`` may see what they stand for."""
    if revision is None:
        return CollectionItem.objects.none()
    seen = CollectionItem.objects.visible_to(actor).filter(revision=revision)
    return seen.select_related("adapter__namespace", "adapter__default_version", "record").order_by("position")


def collections_with(actor: Actor, *, adapter: Adapter | None = None, record: Record | None = None) -> list[Collection]:
    """Collections whose newest revision holds an adapter or a record, by name; twenty at most."""
    held = CollectionItem.objects.filter(revision__number=F("revision__collection__number"))
    held = held.filter(adapter=adapter) if adapter else held.filter(record=record)
    seen = Collection.objects.visible_to(actor).filter(pk__in=held.values("revision__collection_id"))
    return list(seen.select_related("namespace").order_by("namespace__folded", "folded")[:_MOST_WITH])
