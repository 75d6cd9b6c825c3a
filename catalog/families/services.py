"""Make, change and delete families; who their members are is in :mod:`catalog.families.members`."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.models import Visibility
from catalog.bases.queries import require_base
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.families.models import Family
from catalog.families.options import read_options
from catalog.families.rules import read_rule
from catalog.families.withdrawing import release_bases
from catalog.names import check_name, split_full_name
from catalog.reviews.audit import record

_RESERVED = frozenset({"new", "bases", "members", "plan", "settings"})


@transaction.atomic
def create_family(
    actor: User,
    *,
    full_name: str,
    base_model: str,
    visibility: str = Visibility.PUBLIC,
    summary: str = "",
    rule: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Family:
    """A new family without a basis. With a ``rule`` its members choose themselves; ``options`` say how to compress.

    Raises:
        InvalidInput: ``invalid_name``, a rule or an option is wrong. NotFound: no such namespace.
        NotPermitted: not a writer. Unprocessable: ``unknown_base_model``. Conflict: ``name_taken``.
    """
    _check_visibility(visibility)
    namespace_name, name = split_full_name(full_name, field="name")
    check_name(name, field="name", reserved=_RESERVED)
    namespace = Namespace.objects.named(namespace_name).first()
    if namespace is None:
        raise NotFound(detail=f"no namespace {namespace_name[:100]!r}", field="name")
    require_role(actor, namespace, WRITE_ROLES, "make a family")
    base = require_base(base_model, field="base_model")
    read_options(options or {})
    try:
        with transaction.atomic():
            made = Family.objects.create(
                namespace=namespace,
                name=name,
                visibility=visibility,
                summary=summary[:300],
                base_model=base,
                rule=read_rule(rule or {}),
                settings=options or {},
                created_by=actor,
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            f"{namespace.name} has, or had, a family of that name (case and the separators . _ - do not count)",
            field="name",
            hint="Choose another name.",
        ) from error
    record(actor, "create", made, after=visibility)
    return made


@transaction.atomic
def update_family(
    actor: User,
    family: Family,
    *,
    summary: str | None = None,
    visibility: str | None = None,
    rule: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Family:
    """Change what is given; bases that are there stay as they are. Raises NotPermitted, InvalidInput."""
    require_role(actor, family.namespace, WRITE_ROLES, "change a family")
    if visibility is not None:
        _check_visibility(visibility)
        if visibility != family.visibility:
            record(actor, "change_visibility", family, before=family.visibility, after=visibility)
        family.visibility = visibility
    if summary is not None:
        family.summary = summary[:300]
    if rule is not None:
        family.rule = read_rule(rule)
    if options is not None:
        read_options(options)
        family.settings = options
    family.save(update_fields=["summary", "visibility", "rule", "settings", "updated_at"])
    return family


@transaction.atomic
def delete_family(actor: User, family: Family) -> None:
    """Leave a tombstone: nothing is pulled from its bases any more, and the adapters stay as they are.

    The bytes of bases and coefficients are left to garbage collection. Raises NotPermitted unless ``actor`` is owner.
    """
    require_role(actor, family.namespace, (Role.OWNER,), "delete a family")
    family.deleted_at, family.current = timezone.now(), None
    family.save(update_fields=["deleted_at", "current", "updated_at"])
    release_bases(family.bases.all(), reason="the family was deleted")
    record(actor, "delete", family, before="live", after="deleted")


def _check_visibility(visibility: str) -> None:
    if visibility not in Visibility.values:
        raise InvalidInput(
            detail=f"unknown visibility {visibility[:40]!r}", field="visibility", hint="public or private"
        )
