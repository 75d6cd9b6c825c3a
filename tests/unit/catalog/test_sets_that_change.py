"""Sets that become private or are withdrawn: who still sees what, what is still measured, and which bytes stay."""

import pytest

from catalog.accounts.models import Namespace
from catalog.accounts.services import set_member
from catalog.adapters.models import Blob
from catalog.errors import Gone, InvalidInput, NotPermitted
from catalog.evaluations.boards import leaders, matrix
from catalog.evaluations.comparing import compare
from catalog.evaluations.gate import is_guarded, newest_rows, require_score
from catalog.evaluations.models import Evaluation
from catalog.evaluations.policies import create_policy, run_policies
from catalog.evaluations.queries import find_sets, get_set_file, get_set_revision, inputs_of
from catalog.evaluations.requesting import request_evaluations, run_again
from catalog.evaluations.sets import update_set
from catalog.evaluations.uncertainty import request_uncertainty
from catalog.evaluations.withdrawing import withdraw_revision, withdraw_set
from catalog.retention.collection import collect_garbage
from catalog.reviews.models import AuditEvent
from tests.unit.catalog.evaluating import ROWS, classifier, json_lines, make_set, measure
from tests.unit.catalog.factories import make_base, make_namespace, make_user

pytestmark = pytest.mark.django_db
WHY = "the licence does not allow it"


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


@pytest.fixture
def guest():
    """Somebody with a namespace of his own."""
    guest = make_user("guest")
    make_namespace(guest, "elsewhere")
    return guest


def scored(owner, revision, on: str = "lab/mood", score: float = 0.7) -> Evaluation:
    asked = request_evaluations(owner, adapters=[f"{revision.adapter}@{revision.commit_id}"], evaluation_set=on)
    return measure(asked.evaluations[0], score)


class TestVisibility:
    def test_a_set_that_becomes_private_takes_its_scores_along(self, owner, base, guest):
        made = make_set(owner)
        found = scored(owner, classifier(owner, base))
        assert leaders(guest, made).rows
        changed = update_set(owner, made.evaluation_set, visibility="private", summary="ours")
        assert (changed.visibility, changed.summary) == ("private", "ours")
        assert not find_sets(guest).exists()
        assert not Evaluation.objects.visible_to(guest).exists()
        assert Evaluation.objects.visible_to(owner).filter(pk=found.pk).exists()
        update_set(owner, made.evaluation_set, visibility="public")
        assert leaders(guest, made).rows

    def test_the_policy_of_another_namespace_lets_go_of_a_set_that_became_private(self, owner, base, guest):
        made = make_set(owner)
        policy = create_policy(
            guest, Namespace.objects.get(name="elsewhere"), evaluation_set="lab/mood", largest_drop=0.1
        )
        revision = classifier(guest, base, "elsewhere/ner", published=False)
        assert is_guarded(revision)
        update_set(owner, made.evaluation_set, visibility="private")
        policy.refresh_from_db()
        assert newest_rows(policy) is None
        assert not is_guarded(revision)
        require_score(revision)
        assert run_policies(revision) == []

    def test_only_a_writer_changes_a_set_and_the_change_is_written_down(self, owner, guest):
        made = make_set(owner)
        set_member(owner, made.evaluation_set.namespace, username="guest", role="reader")
        with pytest.raises(NotPermitted):
            update_set(guest, made.evaluation_set, visibility="private")
        with pytest.raises(InvalidInput):
            update_set(owner, made.evaluation_set, visibility="secret")
        update_set(owner, made.evaluation_set, visibility="private")
        event = AuditEvent.objects.get(action="change_visibility")
        assert (event.actor, event.subject, event.before, event.after) == ("owner", "lab/mood", "public", "private")


class TestWithdrawal:
    def test_the_rows_go_and_the_scores_stay(self, owner, base):
        made = make_set(owner)
        found = scored(owner, classifier(owner, base))
        digests = set(made.files.values_list("blob_id", flat=True))
        gone = withdraw_revision(owner, made, reason=WHY)
        assert (gone.withdrawal_reason, gone.withdrawn_at is None) == (WHY, False)
        with pytest.raises(Gone, match=f"set_withdrawn.*{WHY}"):
            get_set_file(gone, "test")
        assert set(Blob.objects.unreferenced().values_list("pk", flat=True)) >= digests
        found.refresh_from_db()
        assert (found.score, found.predictions.deflated != b"") == (0.7, True)
        assert [row.evaluation.pk for row in leaders(owner, gone).rows] == [found.pk]
        assert [str(revision) for revision in matrix(owner, base).sets] == []

    def test_two_versions_are_still_compared_though_without_their_rows(self, owner, base):
        made = make_set(owner)
        before, now = (scored(owner, classifier(owner, base, f"lab/{name}"), score=0.5) for name in ("one", "two"))
        withdraw_revision(owner, made, reason=WHY)
        changed = compare(owner, str(before.pk), str(now.pk), "lab/mood")
        assert (changed.flips.rows, changed.items) == (6, [])

    def test_bytes_that_another_set_holds_stay(self, owner):
        make_set(owner, "lab/copy")
        withdraw_revision(owner, make_set(owner), reason=WHY)
        assert not Blob.objects.unreferenced().exists()
        collect_garbage()
        assert get_set_revision(owner, "lab/copy").files.count() == 2

    def test_the_name_means_the_newest_revision_that_is_left(self, owner):
        first = make_set(owner)
        second = make_set(owner, files={"test": json_lines(ROWS[:4])})
        withdraw_revision(owner, second, reason=WHY)
        assert get_set_revision(owner, "lab/mood") == first
        assert get_set_revision(owner, "lab/mood@2").withdrawn_at is not None
        third = make_set(owner, files={"test": json_lines(ROWS[:2])})
        assert (third.number, get_set_revision(owner, "lab/mood")) == (3, third)

    def test_nothing_is_measured_on_withdrawn_rows(self, owner, base):
        made = make_set(owner)
        revision = classifier(owner, base)
        before = scored(owner, revision)
        waiting = request_evaluations(owner, adapters=["lab/ner"], evaluation_set="lab/mood", settings={"seed": 9})
        withdraw_revision(owner, made, reason=WHY)
        with pytest.raises(Gone, match="set_withdrawn"):
            request_evaluations(owner, adapters=["lab/ner"], evaluation_set="lab/mood")
        with pytest.raises(Gone, match="set_withdrawn"):
            run_again(owner, before)
        with pytest.raises(Gone, match="set_withdrawn"):
            request_uncertainty(owner, revision.adapter, version="", evaluation_set="lab/mood")
        with pytest.raises(Gone, match="set_withdrawn"):
            inputs_of(waiting.jobs[0])

    def test_a_gate_measures_on_what_is_left_and_opens_where_nothing_is(self, owner, base):
        first = make_set(owner)
        second = make_set(owner, files={"test": json_lines(ROWS[:4])})
        policy = create_policy(owner, Namespace.objects.get(name="lab"), evaluation_set="lab/mood", largest_drop=0.1)
        withdraw_revision(owner, second, reason=WHY)
        assert newest_rows(policy) == first
        withdraw_set(owner, first.evaluation_set, reason=WHY)
        assert newest_rows(policy) is None
        assert not is_guarded(classifier(owner, base, published=False))
        with pytest.raises(Gone, match="set_withdrawn"):
            create_policy(owner, policy.namespace, evaluation_set="lab/mood", task="other")

    def test_a_withdrawn_set_takes_no_rows_is_in_no_list_and_keeps_its_name(self, owner):
        made = make_set(owner)
        withdraw_set(owner, made.evaluation_set, reason=WHY)
        assert not find_sets(owner).exists()
        assert get_set_revision(owner, "lab/mood").withdrawal_reason == WHY
        with pytest.raises(Gone, match="set_withdrawn"):
            make_set(owner, files={"test": json_lines(ROWS[:4])})
        assert AuditEvent.objects.filter(action="withdraw_set", note=WHY).count() == 1

    def test_withdrawn_rows_are_not_taken_again(self, owner):
        withdraw_revision(owner, make_set(owner), reason=WHY)
        with pytest.raises(Gone, match="set_withdrawn"):
            make_set(owner)

    def test_only_an_owner_withdraws_and_says_why(self, owner, guest):
        made = make_set(owner)
        set_member(owner, made.evaluation_set.namespace, username="guest", role="writer")
        for verb, what in ((withdraw_set, made.evaluation_set), (withdraw_revision, made)):
            with pytest.raises(NotPermitted):
                verb(guest, what, reason=WHY)
            with pytest.raises(InvalidInput):
                verb(owner, what, reason="  ")
        assert made.files.exists()

    def test_once_more_changes_nothing(self, owner):
        made = make_set(owner)
        first = withdraw_set(owner, made.evaluation_set, reason=WHY)
        again = withdraw_set(owner, made.evaluation_set, reason="another reason")
        assert (again.withdrawn_at, again.withdrawal_reason) == (first.withdrawn_at, WHY)
        assert withdraw_revision(owner, made, reason="another reason").withdrawal_reason == WHY
