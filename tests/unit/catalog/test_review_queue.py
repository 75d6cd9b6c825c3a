"""The queue: what waits for whom and in what order, what goes back to its author, and who needs no review."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from catalog.accounts.models import User
from catalog.accounts.services import remove_member
from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from catalog.reviews.handling import assign, comment, prioritise, said_in
from catalog.reviews.models import AuditEvent, Case
from catalog.reviews.queue import QueueFilter, case_of, counts_of, following, read_queue
from catalog.reviews.services import decide, decide_many
from catalog.reviews.statistics import review_statistics
from catalog.reviews.waivers import add_waiver, delete_waiver
from tests.unit.catalog.factories import ACCEPTED, accept, lora_files, make_namespace, make_user, push

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``, with a writer, a reviewer and a reader beside."""
    owner = make_user("owner")
    make_namespace(owner, writer=make_user("writer"), reviewer=make_user("reviewer"), reader=make_user("reader"))
    return owner


def user(name: str) -> User:
    return User.objects.get(username=name)


def waiting(name: str = "lab/ner", version: str = "1.0.0", *, by: str = "writer", **inspection) -> Revision:
    """A revision that waits for review."""
    made = push(user(by), lora_files(seed=len(name) + int(version[0])), name, version=version)
    record_verdict(made, inspection=ACCEPTED | inspection, base=None)
    return Revision.objects.get(pk=made.pk)


def listed(viewer, **wanted) -> list[str]:
    page = read_queue(viewer, QueueFilter(**wanted))
    return [f"{case.revision.adapter.full_name}@{case.version}" for case in page.rows]


def test_what_is_urgent_comes_first_then_what_waits_longest(owner):
    old, new, urgent = waiting("lab/old"), waiting("lab/fresh"), waiting("lab/urgent")
    for days, revision in ((3, old), (2, new), (1, urgent)):
        Case.objects.filter(revision=revision).update(entered_at=timezone.now() - timedelta(days=days))
    prioritise(owner, urgent, "urgent")
    assert listed(owner) == ["lab/urgent@1.0.0", "lab/old@1.0.0", "lab/fresh@1.0.0"]
    assert listed(owner, sort="newest") == ["lab/urgent@1.0.0", "lab/fresh@1.0.0", "lab/old@1.0.0"]


def test_only_who_reviews_in_the_namespace_sees_its_queue(owner):
    waiting()
    assert listed(user("reviewer")) == ["lab/ner@1.0.0"]
    assert listed(user("writer")) == listed(user("reader")) == listed(make_user("stranger")) == []
    assert listed(AnonymousUser()) == []
    assert listed(user("writer"), show="own") == ["lab/ner@1.0.0"]
    assert listed(make_user("boss", is_admin=True)) == ["lab/ner@1.0.0"]


def test_the_queue_is_filtered_by_kind_priority_and_whose_it_is(owner):
    finding = {"code": "low_norm", "severity": "warning", "message": "Nearly nothing."}
    decide(owner, waiting("lab/ner"), decision="approve")
    update, warned = waiting("lab/ner", "2.0.0"), waiting("lab/pos", findings=[finding])
    assign(owner, warned, "reviewer")
    assert listed(owner, kind="first") == listed(owner, kind="warnings") == ["lab/pos@1.0.0"]
    assert listed(owner, kind="update") == listed(owner, show="free") == ["lab/ner@2.0.0"]
    assert listed(user("reviewer"), show="mine") == ["lab/pos@1.0.0"]
    assert listed(owner, show="mine") == listed(owner, priority="high") == []
    assert counts_of(user("reviewer")).by_show == {"waiting": 2, "mine": 1, "free": 1, "returned": 0, "own": 0}
    assert following(owner, case_of(warned), QueueFilter()) == case_of(update)


@pytest.mark.parametrize("wanted", [{"show": "all"}, {"kind": "x"}, {"sort": "age"}, {"priority": "1"}])
def test_a_filter_that_means_nothing_is_refused(wanted, db):
    with pytest.raises(InvalidInput):
        QueueFilter(**wanted)


def test_asking_for_changes_returns_it_to_its_author_and_frees_the_version(owner):
    revision = waiting()
    decide(owner, revision, decision="ask_changes", reason="State the training data.")
    revision.refresh_from_db()
    assert (revision.state, revision.adapter.versions.exists()) == ("returned", False)
    assert listed(owner) == []
    assert listed(owner, show="returned") == listed(user("writer"), show="own") == ["lab/ner@1.0.0"]
    assert counts_of(user("writer")).returned == 1
    with pytest.raises(Conflict) as refusal:
        decide(owner, revision, decision="approve")
    assert refusal.value.code == "already_decided"


def test_asking_for_changes_needs_words(owner):
    with pytest.raises(InvalidInput, match="asking for changes needs a reason"):
        decide(owner, waiting(), decision="ask_changes")


def test_a_resubmission_keeps_the_thread_comes_soon_and_goes_to_who_asked(owner):
    first = waiting()
    comment(owner, first, "What was it trained on?")
    decide(user("reviewer"), first, decision="ask_changes", reason="State the training data.")
    comment(user("writer"), first, "Done in the next push.")
    again = accept(push(user("writer"), lora_files(seed=9), version="1.0.0", message="States the data"))
    case = case_of(again)
    assert (case.thread_id, case.priority, case.assignee.username) == (case_of(first).thread_id, 2, "reviewer")
    assert [(line.what, line.who) for line in said_in(case.thread)] == [
        ("pushed", "writer"),
        ("commented", "owner"),
        ("ask_changes", "reviewer"),
        ("commented", "writer"),
        ("pushed", "writer"),
    ]
    assert counts_of(user("writer")).returned == 0
    assert listed(owner, kind="again") == ["lab/ner@1.0.0"]


def test_a_push_of_another_adapter_answers_nothing(owner):
    first = waiting()
    decide(owner, first, decision="ask_changes", reason="State the data.")
    other = waiting("lab/other")
    assert case_of(other).thread_id != case_of(first).thread_id
    assert counts_of(user("writer")).returned == 1


def test_a_case_is_given_only_to_who_may_decide_it(owner):
    revision = waiting(by="reviewer")
    for name, error in (("writer", InvalidInput), ("nobody", NotFound), ("reviewer", NotPermitted)):
        with pytest.raises(error):
            assign(owner, revision, name)
    with pytest.raises(NotPermitted):
        assign(user("writer"), revision, "owner")
    assert assign(user("reviewer"), revision, "owner").assignee == owner
    assert assign(owner, revision, "").assignee is None
    decide(owner, revision, decision="approve")
    with pytest.raises(Conflict, match="published"):
        assign(owner, revision, "owner")


def test_strangers_and_readers_do_not_speak_in_a_thread(owner):
    revision = waiting()
    for name in ("reader", "stranger"):
        with pytest.raises(NotPermitted):
            comment(user(name) if name == "reader" else make_user(name), revision, "Hello.")
    with pytest.raises(InvalidInput, match="1 to 5000"):
        comment(owner, revision, "   ")


def test_many_are_decided_with_one_reason_and_a_refusal_stops_no_other(owner):
    ours, own = waiting("lab/a"), waiting("lab/b", by="reviewer")
    outcome = decide_many(user("reviewer"), [ours, own], decision="reject", reason="No licence.")
    assert [row.pk for row in outcome.done] == [ours.pk]
    assert [(row.pk, error.code) for row, error in outcome.refused] == [(own.pk, "self_review")]
    assert Revision.objects.get(pk=own.pk).state == "pending"


@pytest.mark.parametrize("decision", ["approve", "reject", "ask_changes"])
def test_deciding_many_always_needs_a_reason(owner, decision):
    with pytest.raises(InvalidInput, match="needs a reason"):
        decide_many(owner, [waiting()], decision=decision, reason=" ")


@pytest.mark.parametrize("holder", [{"username": "writer"}, {"role": "writer"}])
def test_who_holds_a_waiver_publishes_without_review(owner, holder):
    lab = decide(owner, waiting(), decision="approve").revision.adapter.namespace
    made = add_waiver(owner, lab, **holder)
    assert waiting(version="2.0.0").state == "published"
    assert (
        AuditEvent.objects.filter(action="publish", namespace="lab").latest("pk").note.startswith(f"waiver {made.pk}")
    )
    delete_waiver(owner, lab, made.pk)
    assert waiting(version="3.0.0").state == "pending"


def test_a_waiver_covers_neither_first_versions_nor_warnings_unless_it_says_so(owner):
    finding = {"code": "low_norm", "severity": "warning", "message": "Nearly nothing."}
    first = waiting()
    lab = first.adapter.namespace
    add_waiver(owner, lab, role="writer")
    assert waiting("lab/fresh").state == "pending"
    decide(owner, first, decision="approve")
    assert waiting(version="2.0.0", findings=[finding]).state == "pending"
    delete_waiver(owner, lab, lab.waivers.get().pk)
    add_waiver(owner, lab, role="writer", is_update_only=False, is_clean_only=False)
    assert waiting("lab/newer", findings=[finding]).state == "published"


def test_a_waiver_for_reviewers_is_none_for_writers(owner):
    lab = waiting().adapter.namespace
    add_waiver(owner, lab, role="reviewer", is_update_only=False)
    assert waiting("lab/a", by="writer").state == "pending"
    assert waiting("lab/b", by="reviewer").state == waiting("lab/c", by="owner").state == "published"


def test_who_left_the_namespace_has_no_waiver_there(owner):
    revision = waiting()
    lab = revision.adapter.namespace
    add_waiver(owner, lab, username="writer", is_update_only=False)
    late = push(user("writer"), lora_files(seed=5), "lab/late", version="1.0.0")
    remove_member(owner, lab, username="writer")
    assert accept(late).state == "pending"


def test_waivers_are_for_owners_to_give_and_for_those_who_may_push(owner):
    lab = waiting().adapter.namespace
    with pytest.raises(NotPermitted):
        add_waiver(user("reviewer"), lab, role="writer")
    for given in ({}, {"username": "writer", "role": "writer"}, {"role": "reader"}, {"username": "reader"}):
        with pytest.raises(InvalidInput):
            add_waiver(owner, lab, **given)
    add_waiver(owner, lab, role="writer")
    with pytest.raises(Conflict, match="has a waiver"):
        add_waiver(owner, lab, role="writer")
    with pytest.raises(NotFound):
        delete_waiver(owner, lab, 10**6)


def decided(owner, name: str, *, seconds: int, ended_days_ago: float = 0) -> None:
    revision = waiting(name)
    decide(owner, revision, decision="approve")
    closed = timezone.now() - timedelta(days=ended_days_ago)
    Case.objects.filter(revision=revision).update(waited_seconds=seconds, closed_at=closed)


def test_statistics_give_the_median_and_the_slowest_tenth_by_week(owner):
    for number, seconds in enumerate((10, 20, 30, 1000)):
        decided(owner, f"lab/now-{number}", seconds=seconds)
    decided(owner, "lab/before", seconds=60, ended_days_ago=7)
    waiting("lab/open")
    found = review_statistics(owner, weeks=3)
    this, last, first = (week.waited for week in reversed(found.weeks))
    assert (this.count, this.median_seconds, this.p90_seconds) == (4, 20, 1000)
    assert (last.count, last.median_seconds, last.p90_seconds) == (1, 60, 60)
    assert (first.count, first.median_seconds) == (0, None)
    assert (found.waited.count, found.waited.median_seconds, found.waited.p90_seconds) == (5, 30, 1000)
    assert (found.decisions, found.waiting) == ({"approve": 5}, 1)
    assert all(week.begins.weekday() == 0 for week in found.weeks)


def test_statistics_speak_only_of_namespaces_that_the_viewer_reviews_in(owner):
    decided(owner, "lab/ner", seconds=10)
    assert review_statistics(user("writer")).waited.count == 0
    assert review_statistics(user("reviewer")).waited.count == 1
    assert review_statistics(owner, namespace="other").waited.count == 0
    with pytest.raises(InvalidInput, match="1 to 52"):
        review_statistics(owner, weeks=0)
