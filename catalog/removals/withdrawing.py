"""Withdraw a version or an adapter, or delete an adapter: at once, on every channel, with what was derived from it."""

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import Role, User
from catalog.accounts.services import require_role
from catalog.adapters.models import Adapter, Revision, RevisionState, VersionState
from catalog.adapters.releasing import release_files
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.families.models import BasisState, Family
from catalog.removals.cascading import Withdrawn, withdraw_all
from catalog.removals.models import Derived
from catalog.removals.refitting import refit_families
from catalog.reviews.audit import record
from catalog.search.services import index_adapter

_OFFERED = (VersionState.PUBLISHED, VersionState.YANKED)


@transaction.atomic
def withdraw_version(
    actor: User, adapter: Adapter, name: str, *, reason: str, derived: str = Derived.WITHDRAW
) -> Withdrawn:
    """Hand out a version no more, for ever: who asks for it is told why. What was derived from it goes too.

    With ``derived`` ``flag`` that stays, and whoever pulls it is told what it was made of.

    Raises:
        NotPermitted: not an owner. InvalidInput: no reason, an unknown ``derived``. NotFound.
        Conflict: ``not_published``.
    """
    _check(actor, adapter, reason, derived)
    version = adapter.versions.select_related("revision__adapter__namespace").filter(name=name).first()
    if version is None:
        raise NotFound(detail=f"{adapter.full_name} has no version {name}")
    if version.state not in (*_OFFERED, VersionState.WITHDRAWN):
        raise Conflict(
            "not_published",
            f"{adapter.full_name}@{name} is {version.revision.state} and was never published",
            hint="Reject it, or cancel its validation.",
        )
    done = withdraw_all(actor, [version.revision], reason=reason.strip(), derived=derived)
    return _refitted(done, f"{adapter.full_name}@{name}")


@transaction.atomic
def withdraw_adapter(actor: User, adapter: Adapter, *, reason: str, derived: str = Derived.WITHDRAW) -> Withdrawn:
    """The same for every version and draft. The name stays, and new versions may be pushed. Raises as for one."""
    _check(actor, adapter, reason, derived)
    done = withdraw_all(actor, present_revisions(adapter), reason=reason.strip(), derived=derived)
    return _refitted(done, adapter.full_name)


@transaction.atomic
def delete_adapter(actor: User, adapter: Adapter, *, reason: str = "", derived: str = Derived.WITHDRAW) -> Withdrawn:
    """Withdraw everything and keep the tombstone: neither the name nor a version is ever given out again.

    The bytes are no longer held for it; what each file was stays in the revisions' manifests.

    Raises:
        NotPermitted: not an owner. InvalidInput: an unknown ``derived``.
    """
    why = reason.strip() or "the adapter was deleted"
    _check(actor, adapter, why, derived)
    locked = Adapter.objects.select_for_update().get(pk=adapter.pk)
    done = withdraw_all(actor, present_revisions(adapter), reason=why, derived=derived)
    locked.refresh_from_db()
    locked.revisions.update(state=RevisionState.WITHDRAWN)
    locked.deleted_at, locked.default_version = timezone.now(), None
    locked.save()
    release_files(locked.revisions.all())
    index_adapter(locked)
    record(actor, "delete", locked, before="live", after="deleted", note=reason.strip())
    adapter.refresh_from_db()
    return _refitted(done, adapter.full_name)


def present_revisions(adapter: Adapter) -> list[Revision]:
    """Every revision that is not refused: published ones, drafts, and those withdrawn before."""
    refused = (RevisionState.INVALID, RevisionState.REJECTED, RevisionState.RETURNED)
    return list(adapter.revisions.exclude(state__in=refused).order_by("pk"))


def require_owner(actor: User, adapter: Adapter, what: str) -> None:
    """Raise NotPermitted unless ``actor`` owns the adapter's namespace: none of this can be undone."""
    require_role(actor, adapter.namespace, (Role.OWNER,), what)


def _refitted(done: Withdrawn, what: str) -> Withdrawn:
    """The other members' compressed pulls shall not wait for somebody to think of it."""
    lost = [basis for basis in done.bases if basis.state in (BasisState.READY, BasisState.WAITING)]
    bare = Family.objects.filter(pk__in=[basis.family_id for basis in lost], current=None).select_related("namespace")
    refit_families(bare, reason=f"without {what}, which was withdrawn")
    return done


def _check(actor: User, adapter: Adapter, reason: str, derived: str) -> None:
    require_owner(actor, adapter, "withdraw an adapter")
    if not reason.strip():
        raise InvalidInput(
            detail="withdrawing needs a reason", field="reason", hint="It is shown to everybody who asks for it."
        )
    if derived not in Derived.values:
        raise InvalidInput(detail=f"unknown {derived!r} for what was derived", field="derived", hint="withdraw or flag")
