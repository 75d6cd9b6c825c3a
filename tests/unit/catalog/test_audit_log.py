"""The audit log: appended to and never changed, read by namespace, page by page."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from catalog.accounts.models import User
from catalog.accounts.services import set_member, update_namespace
from catalog.errors import InvalidInput
from catalog.reviews.append_only import unguarded
from catalog.reviews.audit import AuditFilter, actions_of, read_log
from catalog.reviews.models import AuditEvent
from catalog.reviews.services import decide
from tests.unit.catalog.factories import accept, make_namespace, make_user, push

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``, in which a writer's push was rejected."""
    owner = make_user("owner")
    make_namespace(owner, writer=make_user("writer"), reviewer=make_user("reviewer"))
    decide(owner, accept(push(User.objects.get(username="writer"))), decision="reject", reason="No licence.")
    return owner


def actions(viewer, **wanted) -> list[str]:
    return [event.action for event in read_log(viewer, AuditFilter(**wanted)).rows]


def test_events_name_their_namespace(owner):
    event = AuditEvent.objects.get(action="reject")
    assert (event.namespace, event.actor, event.before, event.after) == ("lab", "owner", "pending", "rejected")


def test_owners_and_reviewers_read_what_happened_in_their_namespace(owner):
    other = make_user("other")
    make_namespace(other, "elsewhere")
    assert "reject" in actions(owner)
    assert "reject" in actions(User.objects.get(username="reviewer"))
    assert actions(User.objects.get(username="writer")) == actions(other) == actions(AnonymousUser()) == []
    assert "reject" in actions(make_user("boss", is_admin=True))


def test_what_belongs_to_the_whole_hub_is_for_administrators(owner):
    AuditEvent.objects.create(actor="hub", action="damage", subject="blob 00")
    assert "damage" not in actions(owner)
    assert "damage" in actions(make_user("boss", is_admin=True))


def test_the_log_is_read_by_actor_action_subject_and_time(owner):
    assert actions(owner, action="reject") == actions(owner, subject="lab/ner@") == ["reject"]
    assert actions(owner, actor="reviewer") == actions(owner, since=timezone.now()) == []
    assert "reject" in actions(owner, until=timezone.now())
    assert actions_of(owner) == sorted(set(actions(owner)))


def test_the_log_is_read_page_by_page_the_newest_first(owner):
    for number in range(5):
        AuditEvent.objects.create(actor="owner", action="create", subject=f"lab/set-{number}", namespace="lab")
    first = read_log(owner, AuditFilter(action="create"), limit=3)
    second = read_log(owner, AuditFilter(action="create"), cursor=first.next_cursor, limit=3)
    assert [row.subject for row in first.rows + second.rows] == [f"lab/set-{number}" for number in (4, 3, 2, 1, 0)]
    with pytest.raises(InvalidInput):
        read_log(owner, AuditFilter(), cursor="forged")


def test_no_line_is_changed_or_deleted(owner):
    event = AuditEvent.objects.latest("pk")
    for attempt in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(note="nothing happened"),
    ):
        with pytest.raises(TypeError, match="append-only"):
            attempt()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reviews_auditevent SET note = 'nothing happened'",
        "DELETE FROM reviews_auditevent WHERE action = 'reject'",
        "INSERT INTO reviews_auditevent SELECT * FROM reviews_auditevent WHERE true"
        " ON CONFLICT (id) DO UPDATE SET note = 'nothing happened'",
        "INSERT OR REPLACE INTO reviews_auditevent SELECT * FROM reviews_auditevent",
        "TRUNCATE reviews_auditevent",
    ],
)
def test_the_database_itself_refuses_to_change_a_line(owner, statement):
    of_one_database = {"INSERT OR": "sqlite", "TRUNCATE ": "postgresql"}.get(statement[:9], connection.vendor)
    if connection.vendor != of_one_database:
        pytest.skip(f"only {of_one_database} knows this statement")
    before = list(AuditEvent.objects.order_by("pk").values())
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert list(AuditEvent.objects.order_by("pk").values()) == before != []


def test_lines_outlive_whoever_and_whatever_they_speak_of(owner):
    lines = AuditEvent.objects.count()
    make_user("boss", is_admin=True)
    made = User.objects.get(username="boss")
    AuditEvent.objects.create(actor="boss", action="create", subject="lab/set")
    made.delete()
    assert AuditEvent.objects.filter(actor="boss").count() == 1
    assert AuditEvent.objects.count() == lines + 1


def test_a_migration_may_open_the_log_and_leaves_it_closed(owner):
    with unguarded(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE reviews_auditevent SET namespace = 'lab' WHERE action = 'reject'")
        assert cursor.rowcount == 1
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM reviews_auditevent")


@pytest.mark.django_db(transaction=True)
def test_emptying_the_whole_database_empties_the_log_and_leaves_it_closed():
    AuditEvent.objects.create(actor="hub", action="damage", subject="blob 00")
    call_command("flush", interactive=False, verbosity=0)
    assert not AuditEvent.objects.exists()
    AuditEvent.objects.create(actor="hub", action="damage", subject="blob 01")
    with pytest.raises(IntegrityError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM reviews_auditevent")


def test_who_may_review_is_audited(owner):
    lab = make_namespace(owner, "lab-two", writer=User.objects.get(username="writer"))
    set_member(owner, lab, username="writer", role="reviewer")
    update_namespace(owner, lab, is_review_required=False)
    lines = [(event.action, event.before, event.after, event.note) for event in AuditEvent.objects.order_by("pk")]
    assert ("set_member", "writer", "reviewer", "writer") in lines
    assert ("change_review", "required", "not required", "") in lines
