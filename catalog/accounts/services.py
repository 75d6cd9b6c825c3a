"""Users, namespaces and roles: make and change them."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from catalog.accounts.models import Membership, Namespace, NamespaceKind, Role, User
from catalog.accounts.querysets import REVIEW_ROLES, Actor, is_staff
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from catalog.names import RESERVED_NAMESPACES, check_name, fold
from catalog.reviews.audit import record

_REVIEWED = {True: "required", False: "not required"}


@transaction.atomic
def create_user(*, username: str, email: str, password: str, is_admin: bool = False) -> User:
    """A user with the personal namespace of the same name, whose own pushes need no second reviewer.

    An administrator may bear a reserved name, such as ``admin``; that one gets no namespace.

    Raises:
        InvalidInput: ``invalid_name`` or a weak password.
        Conflict: ``name_taken``.
    """
    is_reserved = is_admin and fold(username) in RESERVED_NAMESPACES
    check_name(username, field="username", reserved=frozenset() if is_reserved else RESERVED_NAMESPACES)
    _refuse_taken(username, field="username")
    user = User(username=username, email=email, is_staff=is_admin, is_superuser=is_admin)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(detail=" ".join(error.messages), field="password") from error
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise _name_taken(username, field="username") from error
    if not is_reserved:
        namespace = Namespace.objects.create(name=username, kind=NamespaceKind.USER, is_review_required=False)
        Membership.objects.create(namespace=namespace, user=user, role=Role.OWNER)
    return user


@transaction.atomic
def create_organization(
    actor: User, *, name: str, display_name: str = "", is_review_required: bool = True
) -> Namespace:
    """A namespace of several members, owned by ``actor``.

    Raises:
        InvalidInput: ``invalid_name``. Conflict: ``name_taken``, also when only case or separators differ.
    """
    check_name(name, field="name", reserved=RESERVED_NAMESPACES)
    _refuse_taken(name, field="name")
    try:
        with transaction.atomic():
            namespace = Namespace.objects.create(
                name=name,
                kind=NamespaceKind.ORGANIZATION,
                display_name=display_name,
                is_review_required=is_review_required,
            )
    except IntegrityError as error:
        raise _name_taken(name, field="name") from error
    Membership.objects.create(namespace=namespace, user=actor, role=Role.OWNER)
    return namespace


@transaction.atomic
def update_namespace(
    actor: User, namespace: Namespace, *, display_name: str | None = None, is_review_required: bool | None = None
) -> Namespace:
    """Change a namespace's title or policy. Raises NotPermitted unless ``actor`` owns it."""
    require_role(actor, namespace, (Role.OWNER,), "change its settings")
    if display_name is not None:
        namespace.display_name = display_name
    if is_review_required is not None and is_review_required != namespace.is_review_required:
        before, after = (_REVIEWED[value] for value in (namespace.is_review_required, is_review_required))
        record(actor, "change_review", namespace, before=before, after=after)
        namespace.is_review_required = is_review_required
    namespace.save()
    return namespace


@transaction.atomic
def set_member(actor: User, namespace: Namespace, *, username: str, role: str) -> Membership:
    """Give ``username`` a role. Raises NotPermitted, NotFound; InvalidInput (unknown role, last owner)."""
    require_role(actor, namespace, (Role.OWNER,), "change its members")
    if role not in Role.values:
        raise InvalidInput(detail=f"unknown role {role!r}", field="role", hint=f"Roles are {', '.join(Role.values)}.")
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(detail=f"no user {username!r}", field="username")
    if role != Role.OWNER:
        _keep_an_owner(namespace, user)
    before = role_of(user, namespace) or ""
    membership, _ = Membership.objects.update_or_create(namespace=namespace, user=user, defaults={"role": role})
    if before != role:
        record(actor, "set_member", namespace, before=before, after=role, note=username)
    return membership


@transaction.atomic
def remove_member(actor: User, namespace: Namespace, *, username: str) -> None:
    """Take a member out. Raises NotPermitted, NotFound, or InvalidInput for the last owner."""
    require_role(actor, namespace, (Role.OWNER,), "change its members")
    membership = namespace.memberships.filter(user__username=username).first()
    if membership is None:
        raise NotFound(detail=f"{username!r} is no member of {namespace.name}", field="username")
    _keep_an_owner(namespace, membership.user)
    record(actor, "remove_member", namespace, before=membership.role, note=username)
    membership.delete()


def role_in(actor: Actor, namespace: Namespace) -> str | None:
    """The role of ``actor`` in ``namespace``; staff count as owners."""
    if is_staff(actor):
        return Role.OWNER
    if not actor.is_authenticated:
        return None
    return role_of(actor, namespace)


def role_of(user: Actor, namespace: Namespace) -> str | None:
    """The role that ``user`` was given in ``namespace``, whoever else he is."""
    return Membership.objects.filter(namespace=namespace, user_id=user.pk or 0).values_list("role", flat=True).first()


def can_review(actor: Actor, namespace: Namespace) -> bool:
    """Whether ``actor`` may decide about revisions of ``namespace``."""
    return role_in(actor, namespace) in REVIEW_ROLES


def require_role(actor: Actor, namespace: Namespace, roles: tuple[str, ...], what: str) -> None:
    """Raise NotPermitted unless ``actor`` holds one of ``roles`` in ``namespace``."""
    role = role_in(actor, namespace)
    if role not in roles:
        raise NotPermitted(
            detail=f"your role in {namespace.name} is {role or 'none'}; to {what} you need {' or '.join(roles)}",
            hint=f"Ask an owner of {namespace.name}.",
        )


def _refuse_taken(name: str, *, field: str) -> None:
    if Namespace.objects.filter(folded=fold(name)).exists() or User.objects.filter(username__iexact=name).exists():
        raise _name_taken(name, field=field)


def _name_taken(name: str, *, field: str) -> Conflict:
    return Conflict(
        "name_taken",
        f"{name!r} is taken (upper and lower case and the separators . _ - count as the same)",
        field=field,
        hint="Choose another name. Names of deleted namespaces are never given out again.",
    )


def _keep_an_owner(namespace: Namespace, leaving: User) -> None:
    if not namespace.memberships.filter(role=Role.OWNER).exclude(user=leaving).exists():
        raise InvalidInput(detail=f"{leaving.username} is the last owner of {namespace.name}", field="role")
