"""A statement that is compiled once answers as its queryset does, for each value and also after a migration."""

import pytest
from django.db import connection

from catalog.accounts.models import ApiToken, Namespace, User
from catalog.adapters.queries import get_adapter, get_revision
from catalog.compiled import CompiledModels, CompiledQuery, Part
from tests.unit.catalog.factories import make_namespace, make_user, publish

pytestmark = pytest.mark.django_db
by_name = CompiledQuery(
    lambda stand_ins, shape: Namespace.objects.filter(folded=stand_ins.text("name")).values_list("pk", *shape)
)


def test_each_asking_has_its_own_values():
    made = {name: make_namespace(make_user(f"owner-{name}"), name) for name in ("one", "two")}
    for name, namespace in [*made.items()] * 6:
        assert by_name.rows(("created_at", "is_review_required"), name=name) == [
            (namespace.pk, namespace.created_at, True)
        ]
    assert by_name.rows(("created_at", "is_review_required"), name="one' OR '1'='1") == []


def test_a_stand_in_that_the_queryset_lost_is_refused_when_it_is_compiled():
    lost = CompiledQuery(
        lambda stand_ins, shape: Namespace.objects.filter(pk=len(stand_ins.text("name"))).values_list()
    )
    with pytest.raises(AssertionError, match="name"):
        lost.rows(None, name="one")


def test_models_come_with_what_leads_to_them_and_without_what_is_not_there():
    owner = make_user("owner")
    make_namespace(owner)
    publish(owner, version="1.0.0")
    adapter = get_adapter(owner, "lab/ner")
    revision = get_revision(owner, adapter, "1.0.0")
    assert (revision.adapter, revision.version.name, revision.author) == (adapter, "1.0.0", owner)
    assert revision.base_model is None
    assert {file.path: file.blob_id for file in revision.files.all()} == dict(
        revision.files.values_list("path", "blob_id")
    )


def test_a_column_that_was_left_out_is_asked_for_when_it_is_read(django_assert_num_queries):
    make_user("owner", is_admin=True)
    users = CompiledModels(
        lambda stand_ins, _: User.objects.filter(username=stand_ins.text("name")), Part(User, without=("email",))
    )
    with django_assert_num_queries(1):
        (user,) = users.find(None, name="owner")
    with django_assert_num_queries(1):
        assert user.email == "owner@example.org"


@pytest.mark.django_db(transaction=True)
def test_a_column_that_a_migration_widens_meanwhile_does_no_harm():
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL keeps plans")
    prefixes = CompiledQuery(
        lambda stand_ins, _: ApiToken.objects.filter(sha256=stand_ins.text("sha256")).values_list("prefix")
    )
    ApiToken.objects.create(user=make_user("owner"), name="t", prefix="hub_abcdef", sha256="a" * 64)
    try:
        for width in (12, 40):
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE accounts_apitoken ALTER prefix TYPE varchar({width})")
            for _ in range(7):
                assert prefixes.rows(None, sha256="a" * 64) == [("hub_abcdef",)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_apitoken ALTER prefix TYPE varchar(12)")
