"""Users, namespaces, roles and tokens."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.accounts.models import ApiToken, Membership, Namespace, NamespaceKind, Role
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import (
    can_review,
    create_organization,
    create_user,
    remove_member,
    require_role,
    role_in,
    set_member,
    update_namespace,
)
from catalog.accounts.tokens import SCOPES, TokenRefused, authenticate_token, issue_token, revoke_token, tokens_of
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from tests.unit.catalog.factories import PASSWORD, make_namespace, make_user

pytestmark = pytest.mark.django_db


def test_a_user_comes_with_a_namespace_of_the_same_name_that_needs_no_review():
    user = make_user("owner")
    namespace = Namespace.objects.get(name="owner")
    assert (namespace.kind, namespace.is_review_required) == (NamespaceKind.USER, False)
    assert role_in(user, namespace) == Role.OWNER
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password


@pytest.mark.parametrize("name", ["Owner", "OWNER", "own.er", "own_er"])
def test_a_name_that_folds_to_a_taken_one_is_refused(name):
    make_user("own-er" if name.startswith("own") else "owner")
    for make in (make_user, lambda taken: create_organization(make_user("pusher"), name=taken)):
        with pytest.raises(Conflict) as refused:
            make(name)
        assert refused.value.code == "name_taken"


def test_the_name_of_a_deleted_namespace_is_never_given_out_again():
    owner = make_user("owner")
    namespace = make_namespace(owner)
    namespace.deleted_at = timezone.now()
    namespace.save()
    with pytest.raises(Conflict):
        create_organization(owner, name="LAB")


@pytest.mark.parametrize(("password", "why"), [("short", "short"), ("password1", "common"), ("pusher-1", "similar")])
def test_a_weak_password_is_refused_and_no_user_is_made(password, why):
    with pytest.raises(InvalidInput) as refused:
        create_user(username="pusher-1", email="", password=password)
    assert refused.value.field == "password"
    assert not Namespace.objects.filter(name="pusher-1").exists()


def test_only_an_administrator_may_bear_a_reserved_name_and_gets_no_namespace():
    with pytest.raises(InvalidInput, match="reserved"):
        make_user("admin")
    make_user("admin", is_admin=True)
    assert not Namespace.objects.named("admin").exists()


@pytest.mark.parametrize(
    ("role", "may_write", "may_review"),
    [
        ("owner", True, True),
        ("reviewer", True, True),
        ("writer", True, False),
        ("reader", False, False),
        (None, False, False),
    ],
)
def test_what_each_role_may_do(role, may_write, may_review):
    owner, member = make_user("owner"), make_user("member")
    namespace = make_namespace(owner)
    if role:
        set_member(owner, namespace, username="member", role=role)
    refusal = nullcontext() if may_write else pytest.raises(NotPermitted)
    with refusal:
        require_role(member, namespace, WRITE_ROLES, "push")
    assert can_review(member, namespace) == may_review


def test_only_an_owner_changes_members_and_settings():
    owner, writer, stranger = make_user("owner"), make_user("writer"), make_user("stranger")
    namespace = make_namespace(owner, writer=writer)
    for actor in (writer, stranger):
        with pytest.raises(NotPermitted):
            set_member(actor, namespace, username="stranger", role="owner")
        with pytest.raises(NotPermitted):
            remove_member(actor, namespace, username="writer")
        with pytest.raises(NotPermitted):
            update_namespace(actor, namespace, is_review_required=False)
    assert update_namespace(owner, namespace, is_review_required=False).is_review_required is False


def test_the_last_owner_stays():
    owner, second = make_user("owner"), make_user("second")
    namespace = make_namespace(owner)
    for take_away in (
        lambda: remove_member(owner, namespace, username="owner"),
        lambda: set_member(owner, namespace, username="owner", role="reader"),
    ):
        with pytest.raises(InvalidInput, match="last owner"):
            take_away()
    set_member(owner, namespace, username="second", role="owner")
    remove_member(second, namespace, username="owner")
    assert list(Membership.objects.filter(namespace=namespace).values_list("user__username", flat=True)) == ["second"]


def test_unknown_users_roles_and_members_are_named():
    owner = make_user("owner")
    namespace = make_namespace(owner)
    with pytest.raises(NotFound):
        set_member(owner, namespace, username="nobody", role="reader")
    with pytest.raises(NotFound):
        remove_member(owner, namespace, username="nobody")
    with pytest.raises(InvalidInput, match="unknown role"):
        set_member(owner, namespace, username="owner", role="emperor")


class TestTokens:
    """A secret is shown once, found by its hash, and ends when it should."""

    def test_only_the_hash_is_stored(self):
        issued = issue_token(make_user("owner"), name="ci", scopes=["read"])
        stored = ApiToken.objects.values().get()
        assert issued.secret.startswith("hub_")
        assert issued.secret not in str(stored)
        assert issued.secret.startswith(stored["prefix"])
        assert authenticate_token(issued.secret).pk == issued.row.pk

    @pytest.mark.parametrize(
        "change", [lambda s: s[:-1], lambda s: s + "x", lambda s: s.upper(), lambda s: "", lambda s: "hub_"]
    )
    def test_a_secret_that_is_not_exactly_right_is_unknown(self, change):
        secret = issue_token(make_user("owner"), name="ci", scopes=["read"]).secret
        with pytest.raises(TokenRefused) as refused:
            authenticate_token(change(secret))
        assert refused.value.code == "token_invalid"

    def test_an_expired_token_says_so(self):
        issued = issue_token(make_user("owner"), name="ci", scopes=["read"], expires_in_days=1)
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(TokenRefused) as refused:
            authenticate_token(issued.secret)
        assert refused.value.code == "token_expired"

    def test_a_token_may_last_for_ever(self):
        assert issue_token(make_user("owner"), name="ci", scopes=["read"], expires_in_days=None).row.expires_at is None

    def test_a_token_of_a_deactivated_user_is_refused(self):
        user = make_user("owner")
        issued = issue_token(user, name="ci", scopes=["read"])
        user.is_active = False
        user.save()
        with pytest.raises(TokenRefused):
            authenticate_token(issued.secret)

    def test_a_revoked_token_is_refused_at_once_and_only_its_owner_revokes_it(self):
        owner, stranger = make_user("owner"), make_user("stranger")
        issued = issue_token(owner, name="ci", scopes=["read"])
        with pytest.raises(NotFound):
            revoke_token(stranger, issued.row.pk)
        authenticate_token(issued.secret)
        revoke_token(owner, issued.row.pk)
        with pytest.raises(TokenRefused):
            authenticate_token(issued.secret)

    def test_last_use_is_noted_at_most_once_a_minute(self):
        issued = issue_token(make_user("owner"), name="ci", scopes=["read"])
        assert issued.row.last_used_at is None
        authenticate_token(issued.secret)
        first = ApiToken.objects.get().last_used_at
        authenticate_token(issued.secret)
        assert ApiToken.objects.get().last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(minutes=5))
        authenticate_token(issued.secret)
        assert ApiToken.objects.get().last_used_at >= first

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"scopes": []}, "scopes"),
            ({"scopes": ["root"]}, "scopes"),
            ({"scopes": ["read"], "expires_in_days": 0}, "expires_in_days"),
            ({"scopes": ["read"], "expires_in_days": 3651}, "expires_in_days"),
        ],
    )
    def test_bad_wishes_are_refused_with_their_field(self, given, field):
        with pytest.raises(InvalidInput) as refused:
            issue_token(make_user("owner"), name="ci", **given)
        assert refused.value.field == field

    def test_scopes_are_kept_once_each_in_their_order(self):
        issued = issue_token(make_user("owner"), name="ci", scopes=["write", "read", "write"])
        assert issued.row.scopes == [scope for scope in SCOPES if scope in ("read", "write")]

    def test_tokens_are_listed_for_their_owner_alone(self):
        owner, stranger = make_user("owner"), make_user("stranger")
        issue_token(owner, name="ci", scopes=["read"])
        assert tokens_of(owner).count() == 1
        assert tokens_of(stranger).count() == 0
