"""The life of a revision and of its version, as a table of what is allowed and what is not."""

import pytest

from catalog.accounts.services import set_member
from catalog.adapters.models import Adapter, Ref, Revision
from catalog.adapters.publication import (
    publish_revision,
    record_verdict,
    reject_revision,
    return_revision,
    unyank_version,
    yank_version,
)
from catalog.adapters.queries import get_revision
from catalog.adapters.services import create_adapter, update_adapter
from catalog.errors import Conflict, DomainError, InvalidInput, NotFound, NotPermitted
from catalog.removals.withdrawing import delete_adapter
from catalog.reviews.models import AuditEvent, Case, Review
from catalog.reviews.services import decide
from catalog.search.models import SearchEntry
from tests.unit.catalog.factories import ACCEPTED, REFUSED, accept, make_namespace, make_user, publish, push

pytestmark = pytest.mark.django_db

STATES = ("validating", "invalid", "pending", "rejected", "returned", "published", "yanked", "withdrawn")


@pytest.fixture
def owner():
    """The owner of ``lab``, with a writer and a reviewer beside."""
    owner = make_user("owner")
    make_namespace(owner, writer=make_user("writer"), reviewer=make_user("reviewer"), reader=make_user("reader"))
    return owner


def user(name: str):
    from catalog.accounts.models import User

    return User.objects.get(username=name)


def bring_to(state: str, owner) -> Revision:
    """A revision of ``lab/ner`` as 1.0.0 in ``state``, by the services alone."""
    revision = push(user("writer"), version="1.0.0")
    if state == "validating":
        return revision
    record_verdict(revision, inspection=REFUSED if state == "invalid" else ACCEPTED, base=None)
    if state == "rejected":
        reject_revision(revision, actor=owner, reason="no")
    if state == "returned":
        return_revision(revision, actor=owner, reason="state the data")
    if state in ("published", "yanked", "withdrawn"):
        publish_revision(revision, actor=owner)
    if state == "yanked":
        yank_version(owner, revision.adapter, "1.0.0", reason="wrong labels")
    if state == "withdrawn":
        delete_adapter(owner, revision.adapter)
    revision = Revision.objects.get(pk=revision.pk)
    assert revision.state == state
    return revision


ACTIONS = {
    "accept": lambda revision, owner: record_verdict(revision, inspection=ACCEPTED, base=None),
    "refuse": lambda revision, owner: record_verdict(revision, inspection=REFUSED, base=None),
    "approve": lambda revision, owner: decide(owner, revision, decision="approve"),
    "reject": lambda revision, owner: decide(owner, revision, decision="reject", reason="no"),
    "ask": lambda revision, owner: decide(owner, revision, decision="ask_changes", reason="state the data"),
    "yank": lambda revision, owner: yank_version(owner, revision.adapter, "1.0.0", reason="wrong"),
    "unyank": lambda revision, owner: unyank_version(owner, revision.adapter, "1.0.0"),
}
# action -> {state before: state after, or the code of the refusal}. A late verdict changes nothing and raises nothing.
TRANSITIONS = {
    "accept": {"validating": "pending"} | {state: state for state in STATES if state != "validating"},
    "refuse": {"validating": "invalid"} | {state: state for state in STATES if state != "validating"},
    "approve": {
        "validating": "not_reviewable",
        "invalid": "not_reviewable",
        "pending": "published",
        "rejected": "already_decided",
        "returned": "already_decided",
        "published": "already_decided",
        "yanked": "already_decided",
        "withdrawn": "not_reviewable",
    },
    "reject": {
        "validating": "not_reviewable",
        "invalid": "not_reviewable",
        "pending": "rejected",
        "rejected": "already_decided",
        "returned": "already_decided",
        "published": "already_decided",
        "yanked": "already_decided",
        "withdrawn": "not_reviewable",
    },
    "ask": {
        "validating": "not_reviewable",
        "invalid": "not_reviewable",
        "pending": "returned",
        "rejected": "already_decided",
        "returned": "already_decided",
        "published": "already_decided",
        "yanked": "already_decided",
        "withdrawn": "not_reviewable",
    },
    "yank": {
        "validating": "not_published",
        "invalid": "not_found",
        "pending": "not_published",
        "rejected": "not_found",
        "returned": "not_found",
        "published": "yanked",
        "yanked": "yanked",
        "withdrawn": "not_published",
    },
    "unyank": {
        "validating": "not_published",
        "invalid": "not_found",
        "pending": "not_published",
        "rejected": "not_found",
        "returned": "not_found",
        "published": "published",
        "yanked": "published",
        "withdrawn": "not_published",
    },
}


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [(action, before, after) for action, row in TRANSITIONS.items() for before, after in row.items()],
)
def test_every_transition(owner, action, before, after):
    revision = bring_to(before, owner)
    audits, reviews = AuditEvent.objects.count(), Review.objects.count()
    if after in STATES:
        ACTIONS[action](revision, owner)
        assert Revision.objects.get(pk=revision.pk).state == after
        return
    with pytest.raises(DomainError) as refused:
        ACTIONS[action](revision, owner)
    assert refused.value.code == after
    assert Revision.objects.get(pk=revision.pk).state == before
    assert (AuditEvent.objects.count(), Review.objects.count()) == (audits, reviews)


class TestReviewing:
    """Two people, a decision and a reason."""

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    def test_nobody_reviews_what_they_pushed_themselves(self, owner, decision):
        set_member(owner, revision_namespace(), username="writer", role="reviewer")
        revision = bring_to("pending", owner)
        with pytest.raises(NotPermitted) as refused:
            decide(user("writer"), revision, decision=decision, reason="mine")
        assert refused.value.code == "self_review"
        assert Revision.objects.get(pk=revision.pk).state == "pending"

    @pytest.mark.parametrize(
        ("name", "may"), [("owner", True), ("reviewer", True), ("writer", False), ("reader", False)]
    )
    def test_who_may_decide(self, owner, name, may):
        revision = accept(push(make_user("staff", is_admin=True), version="1.0.0"))
        if may:
            assert decide(user(name), revision, decision="approve").reviewer == user(name)
        else:
            with pytest.raises(NotPermitted):
                decide(user(name), revision, decision="approve")

    def test_a_rejection_needs_a_reason(self, owner):
        revision = bring_to("pending", owner)
        for decision, reason in (("reject", ""), ("reject", "  "), ("maybe", "x")):
            with pytest.raises(InvalidInput):
                decide(owner, revision, decision=decision, reason=reason)

    def test_a_namespace_without_review_publishes_what_validation_accepts(self, owner):
        revision = accept(push(owner, adapter="owner/ner"))
        assert revision.version.state == "published"
        assert Revision.objects.get(pk=revision.pk).state == "published"

    def test_the_queue_shows_pending_revisions_to_those_who_may_decide(self, owner):
        revision = bring_to("pending", owner)
        make_user("stranger")
        seen = {
            name: [case.revision for case in Case.objects.decidable_by(user(name))]
            for name in ("owner", "reviewer", "writer", "reader", "stranger")
        }
        assert seen == {"owner": [revision], "reviewer": [revision], "writer": [], "reader": [], "stranger": []}


class TestVersions:
    """A refusal frees the version, a publication burns it for ever."""

    @pytest.mark.parametrize("state", ["invalid", "rejected", "returned"])
    def test_a_refusal_frees_the_version(self, owner, state):
        bring_to(state, owner)
        assert push(owner, {"README.md": b"other"}, version="1.0.0").version.name == "1.0.0"

    @pytest.mark.parametrize("state", ["published", "yanked"])
    def test_a_published_version_never_means_other_files(self, owner, state):
        bring_to(state, owner)
        with pytest.raises(Conflict) as refused:
            push(owner, {"README.md": b"other"}, version="1.0.0")
        assert refused.value.code == "version_exists"

    def test_deletion_keeps_name_and_versions_taken(self, owner):
        revision = bring_to("withdrawn", owner)
        assert revision.version.state == "withdrawn"
        for name in ("lab/ner", "lab/NER"):
            with pytest.raises(Conflict, match="never given out again"):
                create_adapter(owner, full_name=name, exist_ok=True)
        assert not SearchEntry.objects.exists()

    def test_only_an_owner_deletes(self, owner):
        revision = bring_to("published", owner)
        for name in ("writer", "reviewer", "reader"):
            with pytest.raises(NotPermitted):
                delete_adapter(user(name), revision.adapter)

    def test_only_writers_yank_and_a_yank_needs_a_reason(self, owner):
        revision = bring_to("published", owner)
        with pytest.raises(NotPermitted):
            yank_version(user("reader"), revision.adapter, "1.0.0", reason="x")
        with pytest.raises(InvalidInput):
            yank_version(owner, revision.adapter, "1.0.0", reason=" ")
        with pytest.raises(NotFound):
            yank_version(owner, revision.adapter, "9.9.9", reason="x")

    def test_the_default_is_the_highest_published_version_and_a_pre_release_only_for_want_of_better(self, owner):
        def default():
            return Adapter.objects.get(name="ner").default_version.name

        publish(owner, {"README.md": b"1"}, version="2.0.0-rc.1")
        assert default() == "2.0.0-rc.1"
        publish(owner, {"README.md": b"2"}, version="1.9.0")
        assert default() == "1.9.0"
        publish(owner, {"README.md": b"3"}, version="1.10.0")
        publish(owner, {"README.md": b"4"}, version="1.2.0")
        assert default() == "1.10.0"
        adapter = Adapter.objects.get(name="ner")
        yank_version(owner, adapter, "1.10.0", reason="wrong")
        assert default() == "1.9.0"
        assert get_revision(owner, adapter, "1.10.0").state == "yanked"
        unyank_version(owner, Adapter.objects.get(name="ner"), "1.10.0")
        assert default() == "1.10.0"

    def test_main_is_the_newest_published_revision(self, owner):
        publish(owner, {"README.md": b"1"}, version="2.0.0")
        second = publish(owner, {"README.md": b"2"}, version="1.0.0")
        assert Ref.objects.get(name="main").revision == second

    def test_a_change_of_the_summary_never_takes_back_a_publication_that_happened_meanwhile(self, owner):
        publish(owner, {"README.md": b"1"}, version="1.0.0")
        read_before = Adapter.objects.get(name="ner")
        publish(owner, {"README.md": b"2"}, version="1.1.0")
        update_adapter(owner, read_before, summary="better words")
        assert Adapter.objects.get(name="ner").default_version.name == "1.1.0"
        assert SearchEntry.objects.get().version == "1.1.0"


def test_everything_that_changes_what_people_rely_on_is_written_down(owner):
    revision = bring_to("pending", owner)
    decide(user("reviewer"), revision, decision="approve", reason="good")
    adapter = revision.adapter
    yank_version(owner, adapter, "1.0.0", reason="wrong labels")
    unyank_version(user("writer"), adapter, "1.0.0")
    delete_adapter(owner, adapter)
    rows = AuditEvent.objects.order_by("id").values_list("actor", "action", "before", "after", "note")
    assert list(rows) == [
        ("owner", "set_member", "", "writer", "writer"),
        ("owner", "set_member", "", "reviewer", "reviewer"),
        ("owner", "set_member", "", "reader", "reader"),
        ("reviewer", "publish", "pending", "published", "good"),
        ("owner", "yank", "published", "yanked", "wrong labels"),
        ("writer", "unyank", "yanked", "published", ""),
        ("owner", "withdraw", "published", "withdrawn", "the adapter was deleted"),
        ("owner", "delete", "live", "deleted", ""),
    ]


def revision_namespace():
    from catalog.accounts.models import Namespace

    return Namespace.objects.get(name="lab")
