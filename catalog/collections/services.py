"""Make, change and delete collections; what is in them is changed in :mod:`catalog.collections.changing`."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.collections.changing import copy_items, lock
from catalog.collections.models import Collection, CollectionRevision
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.named import Visibility
from catalog.names import check_name, split_full_name
from catalog.reviews.audit import record

MAX_DESCRIPTION = 20_000
_RESERVED = frozenset({"new", "diff", "items", "revisions", "settings"})


@transaction.atomic
def create_collection(
    actor: User,
    *,
    full_name: str,
    visibility: str = Visibility.PUBLIC,
    summary: str = "",
    description: str = "",
) -> Collection:
    """A new collection with an empty first revision.

    Raises:
        InvalidInput: ``invalid_name``, or no such visibility. NotFound: no such namespace.
        NotPermitted: not a writer. Conflict: ``name_taken``.
    """
    _check_visibility(visibility)
    namespace_name, name = split_full_name(full_name, field="name")
    check_name(name, field="name", reserved=_RESERVED)
    namespace = Namespace.objects.named(namespace_name).first()
    if namespace is None:
        raise NotFound(detail=f"no namespace {namespace_name[:100]!r}", field="name")
    require_role(actor, namespace, WRITE_ROLES, "make a collection")
    try:
        with transaction.atomic():
            made = Collection.objects.create(
                namespace=namespace,
                name=name,
                visibility=visibility,
                summary=_line(summary),
                description=_text(description),
                number=1,
                created_by=actor,
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            f"{namespace.name} has, or had, a collection of that name (case and the separators . _ - do not count)",
            field="name",
            hint="Choose another name.",
        ) from error
    CollectionRevision.objects.create(
        collection=made, number=1, author=actor, message="made", summary=made.summary, description=made.description
    )
    record(actor, "create", made, after=visibility)
    return made


@transaction.atomic
def update_collection(
    actor: User,
    collection: Collection,
    *,
    summary: str | None = None,
    description: str | None = None,
    visibility: str | None = None,
) -> Collection:
    """Change its words, which makes a revision, or who sees it, which makes none. Raises NotPermitted, InvalidInput."""
    require_role(actor, collection.namespace, WRITE_ROLES, "change a collection")
    changed = lock(collection)
    if visibility is not None:
        _check_visibility(visibility)
        if visibility != changed.visibility:
            record(actor, "change_visibility", changed, before=changed.visibility, after=visibility)
        changed.visibility = visibility
    before = (changed.summary, changed.description)
    changed.summary = changed.summary if summary is None else _line(summary)
    changed.description = changed.description if description is None else _text(description)
    if (changed.summary, changed.description) != before:
        copy_items(actor, changed, message="description changed")
    changed.save(update_fields=["summary", "description", "visibility", "number", "updated_at"])
    return changed


@transaction.atomic
def delete_collection(actor: User, collection: Collection) -> None:
    """Leave a tombstone; what it held stays as it is. Raises NotPermitted unless ``actor`` is an owner."""
    require_role(actor, collection.namespace, (Role.OWNER,), "delete a collection")
    collection.deleted_at = timezone.now()
    collection.save(update_fields=["deleted_at", "updated_at"])
    record(actor, "delete", collection, before="live", after="deleted")


def _check_visibility(visibility: str) -> None:
    if visibility not in Visibility.values:
        raise InvalidInput(
            detail=f"unknown visibility {visibility[:40]!r}", field="visibility", hint="public or private"
        )


def _line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:300]


def _text(text: str) -> str:
    return text.replace("\0", "").strip()[:MAX_DESCRIPTION]
