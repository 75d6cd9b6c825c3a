"""Make and change adapters."""

from django.db import IntegrityError, transaction

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.models import Adapter, Visibility
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from catalog.names import RESERVED_ADAPTERS, check_name, fold, split_full_name
from catalog.search.services import index_adapter


def namespace_for_push(actor: User, full_name: str) -> tuple[Namespace, str]:
    """The namespace and adapter name of ``full_name``, if ``actor`` may push there.

    Raises:
        InvalidInput: ``invalid_name``. NotFound: no such namespace. NotPermitted: not a writer.
        Conflict: ``name_taken`` by an adapter whose name differs only in case or separators, or by a tombstone.
    """
    namespace_name, name = split_full_name(full_name)
    check_name(name, field="adapter", reserved=RESERVED_ADAPTERS)
    namespace = Namespace.objects.named(namespace_name).first()
    if namespace is None:
        raise NotFound(
            detail=f"no namespace {namespace_name!r}",
            field="adapter",
            hint="Push into your own or one that you are a member of.",
        )
    try:
        require_role(actor, namespace, WRITE_ROLES, "push")
    except NotPermitted as error:
        error.field = "adapter"
        raise
    _refuse_collision(namespace, name)
    return namespace, name


@transaction.atomic
def create_adapter(
    actor: User, *, full_name: str, visibility: str = Visibility.PUBLIC, summary: str = "", exist_ok: bool = False
) -> Adapter:
    """A new, empty adapter; with ``exist_ok`` the existing one of exactly this name.

    Raises:
        As :func:`namespace_for_push`; InvalidInput for an unknown visibility.
    """
    if visibility not in Visibility.values:
        raise InvalidInput(detail=f"unknown visibility {visibility!r}", field="visibility", hint="public or private")
    namespace, name = namespace_for_push(actor, full_name)
    existing = Adapter.objects.live().filter(namespace=namespace, folded=fold(name)).first()
    if existing is not None:
        if exist_ok:
            return existing
        raise _taken(namespace, existing.name)
    try:
        with transaction.atomic():
            return Adapter.objects.create(namespace=namespace, name=name, visibility=visibility, summary=summary[:300])
    except IntegrityError as error:
        # Somebody made it in between; where that is as good, theirs is it.
        theirs = Adapter.objects.live().filter(namespace=namespace, name=name).first() if exist_ok else None
        if theirs is None:
            raise _taken(namespace, name) from error
        return theirs


@transaction.atomic
def update_adapter(
    actor: User, adapter: Adapter, *, summary: str | None = None, visibility: str | None = None
) -> Adapter:
    """Change an adapter's summary or visibility. Raises NotPermitted, InvalidInput."""
    require_role(actor, adapter.namespace, WRITE_ROLES, "change an adapter")
    if visibility is not None:
        if visibility not in Visibility.values:
            raise InvalidInput(
                detail=f"unknown visibility {visibility!r}", field="visibility", hint="public or private"
            )
        adapter.visibility = visibility
    if summary is not None:
        adapter.summary = summary[:300]
    adapter.save(update_fields=["visibility", "summary", "updated_at"])
    # A version may have been published since the caller read the row.
    adapter.refresh_from_db()
    index_adapter(adapter)
    return adapter


def _refuse_collision(namespace: Namespace, name: str) -> None:
    same = Adapter.objects.filter(namespace=namespace, folded=fold(name)).first()
    if same is not None and (same.deleted_at is not None or same.name != name):
        raise _taken(namespace, same.name, is_tombstone=same.deleted_at is not None)


def _taken(namespace: Namespace, name: str, *, is_tombstone: bool = False) -> Conflict:
    full_name = f"{namespace.name}/{name}"
    if is_tombstone:
        return Conflict(
            "name_taken",
            f"{full_name} was deleted, and its name is never given out again",
            field="adapter",
            hint="Choose another name.",
        )
    return Conflict(
        "name_taken",
        f"{full_name} exists (upper and lower case and the separators . _ - count as the same)",
        field="adapter",
        hint=f"Push to {full_name}, or choose another name.",
    )
