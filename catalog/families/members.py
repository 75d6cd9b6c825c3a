"""Who belongs to a family, and whose people have agreed that an adapter enters its shared basis.

A basis carries traces of everything that it was fitted to. An adapter of the family's own namespace enters it with its
writers' word, one that is private only where the family is private too; any other waits for an owner of its namespace.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import Role, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role, role_in
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.queries import get_adapter
from catalog.errors import DomainError, InvalidInput, NotFound
from catalog.families.fitting import damaged_among, offered_revision, require_compressible, require_same_shapes
from catalog.families.models import Consent, Family, Member
from catalog.families.newcomers import request_projection
from catalog.families.rules import chosen_by_rule
from catalog.families.withdrawing import withdraw_revisions
from catalog.reviews.audit import record

MOST_PER_REQUEST = 500


@dataclass(frozen=True)
class LeftOut:
    """A member that cannot enter a basis now, and why."""

    member: Member
    error: DomainError


@transaction.atomic
def add_members(actor: User, family: Family, adapters: Iterable[str]) -> list[Member]:
    """Choose adapters by hand (``org/name``); each one's consent is given, or asked for. Nothing if one is refused.

    Raises:
        NotPermitted: not a writer of the family. NotFound: an adapter. InvalidInput: none or too many.
        Unprocessable: ``mixed_base_models``, ``not_low_rank``, ``mixed_shapes``. Conflict, Gone, Busy: as
        :mod:`catalog.families.fitting`.
    """
    require_role(actor, family.namespace, WRITE_ROLES, "add to its families")
    names = list(dict.fromkeys(adapters))
    if not 0 < len(names) <= MOST_PER_REQUEST:
        raise InvalidInput(detail=f"give 1 to {MOST_PER_REQUEST} adapters; received {len(names)}", field="adapters")
    Family.objects.select_for_update().get(pk=family.pk)
    chosen = [_named(actor, name) for name in names]
    for adapter in chosen:
        require_compressible(offered_revision(adapter), family.base_model)
    known = {member.adapter_id: member for member in family.members.all()}
    usable, _ = usable_members(family)
    fresh = [offered_revision(adapter) for adapter in chosen if adapter.pk not in known]
    require_same_shapes([*usable.values(), *fresh])
    joined = [_joined(actor, family, adapter, known.get(adapter.pk)) for adapter in chosen]
    for member in joined:
        _project(member)
    return joined


@transaction.atomic
def decide_consent(actor: User, member: Member, *, is_given: bool) -> Member:
    """Give or refuse consent for an adapter. Refusing also withdraws every basis that was fitted to it.

    Raises NotPermitted unless ``actor`` owns the adapter's namespace.
    """
    require_role(actor, member.adapter.namespace, (Role.OWNER,), "decide whether an adapter enters a shared basis")
    before = member.consent
    _decide(member, actor, Consent.GIVEN if is_given else Consent.REFUSED)
    if not is_given:
        withdraw_revisions(
            Revision.objects.filter(adapter=member.adapter), family=member.family, reason="its owners refused consent"
        )
    _project(member)
    record(actor, "consent", member.family, before=before, after=member.consent, note=str(member.adapter))
    return member


@transaction.atomic
def remove_member(actor: User, family: Family, member: Member) -> None:
    """Take an adapter out of the next basis; the bases that are there stay. Writers of either side may.

    Raises NotPermitted.
    """
    if role_in(actor, member.adapter.namespace) not in WRITE_ROLES:
        require_role(actor, family.namespace, WRITE_ROLES, "take adapters out of its families")
    record(actor, "remove_member", family, note=str(member.adapter))
    member.delete()


def get_member(actor: User, family: Family, full_name: str) -> Member:
    """The membership of an adapter that ``actor`` may see. Raises NotFound."""
    adapter = get_adapter(actor, full_name)
    found = family.members.select_related("adapter__namespace", "family__namespace").filter(adapter=adapter).first()
    if found is None:
        raise NotFound(detail=f"{adapter} is no member of {family}", field="adapter")
    return found


def take_in_by_rule(family: Family, *, only: Adapter | None = None) -> list[Member]:
    """Make members of what the rule chooses by now and can be compressed, or of ``only`` this one."""
    found = chosen_by_rule(family).exclude(pk__in=family.members.values("adapter_id"))
    if only is not None:
        found = found.filter(pk=only.pk)
    made = []
    for adapter in found.select_related("namespace", "default_version__revision__base_model"):
        try:
            require_compressible(offered_revision(adapter), family.base_model)
        except DomainError:
            continue
        consent = Consent.GIVEN if _needs_no_owner(family, adapter) else Consent.ASKED
        made.append(Member.objects.create(family=family, adapter=adapter, consent=consent))
    return made


def usable_members(family: Family) -> tuple[dict[int, Revision], list[LeftOut]]:
    """The revision of every member that may enter a basis now, by adapter's id in order of joining; and the others."""
    related = ("adapter__namespace", "adapter__default_version__revision__base_model")
    usable: dict[int, Revision] = {}
    left_out = []
    given = list(family.members.filter(consent=Consent.GIVEN).select_related(*related))
    versions = [member.adapter.default_version for member in given]
    damaged = damaged_among(version.revision_id for version in versions if version is not None)
    for member in given:
        adapter = member.adapter
        try:
            if adapter.deleted_at is not None:
                raise NotFound(detail=f"{adapter} was deleted")
            revision = offered_revision(adapter)
            revision.adapter = adapter
            require_compressible(revision, family.base_model, damaged=damaged)
        except DomainError as error:
            left_out.append(LeftOut(member, error))
        else:
            usable[adapter.pk] = revision
    return usable, left_out


def _named(actor: User, name: str) -> Adapter:
    try:
        return get_adapter(actor, name)
    except DomainError as error:
        error.field = "adapters"
        raise


def _joined(actor: User, family: Family, adapter: Adapter, member: Member | None) -> Member:
    if member is None:
        member = Member(family=family, adapter=adapter)
        record(actor, "add_member", family, note=str(adapter))
    if member.consent != Consent.GIVEN:
        own = _needs_no_owner(family, adapter) and member.consent != Consent.REFUSED
        if own or role_in(actor, adapter.namespace) == Role.OWNER:
            _decide(member, actor, Consent.GIVEN)
        else:
            member.save()
    return member


def _project(member: Member) -> None:
    """Who joins, with consent, a family that has a basis is projected onto it; the next basis is fitted to him."""
    version = member.adapter.default_version
    if member.consent == Consent.GIVEN and member.family.current_id is not None and version is not None:
        request_projection(member.family, version.revision)


def _needs_no_owner(family: Family, adapter: Adapter) -> bool:
    is_own = adapter.namespace_id == family.namespace_id
    return is_own and (adapter.visibility == "public" or family.visibility == "private")


def _decide(member: Member, actor: User, consent: Consent) -> None:
    member.consent, member.decided_by, member.decided_at = consent, actor, timezone.now()
    member.save()
