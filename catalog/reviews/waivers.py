"""Who may publish in a namespace without review, and on what conditions."""

from django.db import IntegrityError, transaction

from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role, role_in, role_of
from catalog.adapters.models import Revision, VersionState
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.reviews.audit import record
from catalog.reviews.cases import warnings_in
from catalog.reviews.models import Waiver

# A waiver for a role is one for those above it too.
WAIVABLE = (Role.OWNER, Role.REVIEWER, Role.WRITER)


def waiver_for(revision: Revision) -> Waiver | None:
    """The waiver under which the revision may be published without review; None where somebody must look at it."""
    namespace, author = revision.adapter.namespace, revision.author_id
    role = role_of(revision.author, namespace) if revision.author is not None else None
    if role not in WRITE_ROLES:
        return None
    for waiver in namespace.waivers.select_related("user").order_by("pk"):
        is_holder = waiver.user_id == author or (waiver.role != "" and role in _and_above(waiver.role))
        if is_holder and _is_met(waiver, revision):
            return waiver
    return None


def needs_review(revision: Revision) -> bool:
    """Whether a reviewer must look at the revision before it is published."""
    return revision.adapter.namespace.is_review_required and waiver_for(revision) is None


def why_without_review(revision: Revision) -> str:
    """What the audit log says of a publication that nobody reviewed."""
    if not revision.adapter.namespace.is_review_required:
        return "the namespace publishes without review"
    waiver = waiver_for(revision)
    return f"waiver {waiver.pk}: {waiver.holder} publishes without review" if waiver else ""


@transaction.atomic
def add_waiver(
    actor: User,
    namespace: Namespace,
    *,
    username: str = "",
    role: str = "",
    is_update_only: bool = True,
    is_clean_only: bool = True,
) -> Waiver:
    """Let a user, or everybody of a role and above, publish without review.

    Raises:
        NotPermitted: not an owner. InvalidInput: neither or both of user and role, or one who may not push.
        NotFound: no such user. Conflict: ``waiver_exists``.
    """
    require_role(actor, namespace, (Role.OWNER,), "say who needs no review")
    if bool(username) == bool(role):
        raise InvalidInput(detail="a waiver is for a user or for a role", field="username", hint="Give one of the two.")
    if role and role not in WAIVABLE:
        raise InvalidInput(detail=f"unknown role {role[:40]!r}", field="role", hint=f"One of {', '.join(WAIVABLE)}.")
    user = _member(namespace, username) if username else None
    try:
        with transaction.atomic():
            made = Waiver.objects.create(
                namespace=namespace,
                user=user,
                role=role,
                is_update_only=is_update_only,
                is_clean_only=is_clean_only,
                created_by=actor,
            )
    except IntegrityError as error:
        whom = username or f"every {role}"
        raise Conflict("waiver_exists", f"{namespace} has a waiver for {whom}", hint="Delete it first.") from error
    record(actor, "add_waiver", made, note=_conditions(made))
    return made


@transaction.atomic
def delete_waiver(actor: User, namespace: Namespace, waiver_id: int) -> None:
    """Have these pushes reviewed again. Raises NotPermitted for others than owners, NotFound."""
    require_role(actor, namespace, (Role.OWNER,), "say who needs no review")
    waiver = namespace.waivers.select_related("user", "namespace").filter(pk=waiver_id).first()
    if waiver is None:
        raise NotFound(detail=f"{namespace} has no waiver {waiver_id}")
    record(actor, "delete_waiver", waiver, note=_conditions(waiver))
    waiver.delete()


def _is_met(waiver: Waiver, revision: Revision) -> bool:
    if waiver.is_clean_only and (warnings_in(revision) or revision.report.get("disagreements")):
        return False
    return not waiver.is_update_only or revision.adapter.versions.filter(state=VersionState.PUBLISHED).exists()


def _and_above(role: str) -> tuple[str, ...]:
    return tuple(WAIVABLE[: WAIVABLE.index(Role(role)) + 1])


def _member(namespace: Namespace, username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(detail=f"no user {username[:150]!r}", field="username")
    if role_in(user, namespace) not in WRITE_ROLES:
        raise InvalidInput(
            detail=f"{username} may not push to {namespace.name}", field="username", hint="Make them a writer first."
        )
    return user


def _conditions(waiver: Waiver) -> str:
    said = [word for word, holds in (("updates", waiver.is_update_only), ("clean", waiver.is_clean_only)) if holds]
    return f"{waiver.holder}; {'only ' + ' and '.join(said) if said else 'everything'}"
