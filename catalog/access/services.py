"""Give and take back leave to see an adapter."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from catalog.access.models import Grant
from catalog.access.querysets import GrantQuerySet
from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.querysets import Actor
from catalog.accounts.services import require_role, role_in
from catalog.adapters.models import Adapter
from catalog.errors import InvalidInput, NotFound, NotPermitted
from catalog.reviews.audit import record


def grants_of(actor: Actor, adapter: Adapter) -> GrantQuerySet:
    """Every grant of the adapter, ended ones too. Raises NotPermitted for others than members of its namespace."""
    if role_in(actor, adapter.namespace) is None:
        raise NotPermitted(detail=f"only members of {adapter.namespace} see who else may see {adapter}")
    return adapter.grants.select_related("user", "namespace", "granted_by")


@transaction.atomic
def grant_access(
    actor: User,
    adapter: Adapter,
    *,
    user: str = "",
    namespace: str = "",
    expires_at: datetime | None = None,
    note: str = "",
) -> Grant:
    """Let a user, or the members of a namespace, see what ``adapter`` has published; a second grant replaces the first.

    What was computed from other adapters is still seen by those alone who may see all of them.

    Raises:
        NotPermitted: not an owner. InvalidInput: both or neither named, or an end that has passed.
        NotFound: no such user or namespace.
    """
    require_role(actor, adapter.namespace, (Role.OWNER,), "say who else may see an adapter")
    if bool(user) == bool(namespace):
        raise InvalidInput(detail="name a user or a namespace, one of the two", field="user")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput(detail=f"{expires_at:%Y-%m-%d %H:%M} UTC has passed", field="expires_at")
    who = {"user": _user(user)} if user else {"namespace": _namespace(namespace)}
    values = {"expires_at": expires_at, "note": note[:300], "granted_by": actor}
    grant, _ = Grant.objects.update_or_create(adapter=adapter, **who, defaults=values)
    until = f"until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "for as long as it stands"
    record(actor, "grant", adapter, note=f"{grant.grantee}, {until}")
    return grant


@transaction.atomic
def revoke_access(actor: User, adapter: Adapter, grant_id: int) -> None:
    """Take a grant back; it holds no more from this moment. Raises NotPermitted, NotFound."""
    require_role(actor, adapter.namespace, (Role.OWNER,), "say who else may see an adapter")
    grant = adapter.grants.filter(pk=grant_id).first()
    if grant is None:
        raise NotFound(detail=f"{adapter} has no grant {grant_id}")
    record(actor, "revoke", adapter, note=grant.grantee)
    grant.delete()


def _user(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise NotFound(detail=f"no user {username!r}", field="user")
    return found


def _namespace(name: str) -> Namespace:
    found = Namespace.objects.named(name).first()
    if found is None:
        raise NotFound(detail=f"no namespace {name!r}", field="namespace")
    return found
