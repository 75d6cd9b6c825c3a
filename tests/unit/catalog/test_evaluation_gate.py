"""Policies run sets by themselves, and a gate keeps out what is unmeasured, worse, or wrong where it was right."""

import pytest

from catalog.accounts.services import update_namespace
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted
from catalog.evaluations.models import Evaluation
from catalog.evaluations.policies import create_policy, delete_policy, run_policies
from catalog.evaluations.requesting import request_evaluations
from catalog.jobs.models import Job
from catalog.reviews.models import AuditEvent, Review
from catalog.reviews.services import decide
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.evaluating import classifier, facts_with_head, make_set, measure
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, push

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``, who may push, and a reviewer beside."""
    owner = make_user("owner")
    make_namespace(owner, reviewer=make_user("reviewer"), writer=make_user("writer"))
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


@pytest.fixture
def reviewer(owner):
    from catalog.accounts.models import User

    return User.objects.get(username="reviewer")


def accepted(owner, base, version: str, seed: int = 1, **options) -> Revision:
    """A pushed revision that validation accepted, after which its policies ran."""
    revision = push(owner, lora_files(seed=seed), version=version, **options)
    inspection = {"verdict": "accepted", "facts": facts_with_head(), "findings": []}
    revision = record_verdict(revision, inspection=inspection, base=base)
    run_policies(revision)
    return revision


def of(revision: Revision) -> Evaluation:
    return Evaluation.objects.get(revision=revision)


def refusal(reviewer, revision: Revision, **options) -> str:
    with pytest.raises(Conflict) as refused:
        decide(reviewer, revision, decision="approve", **options)
    revision.refresh_from_db()
    assert revision.state == "pending"
    assert not Review.objects.filter(revision=revision).exists()
    return refused.value.code


def test_a_policy_runs_its_set_for_its_task_and_language_alone(owner, base):
    on = make_set(owner)
    create_policy(owner, on.evaluation_set.namespace, evaluation_set="lab/mood", task="sentiment", language="DE")
    german = Metadata(task="sentiment", languages=["de-AT"])
    measured = accepted(owner, base, "1.0.0", metadata=german)
    accepted(owner, base, "1.1.0", seed=2, metadata=Metadata(task="sentiment", languages=["fr"]))
    accepted(owner, base, "1.2.0", seed=3, metadata=Metadata(task="ner", languages=["de"]))
    [evaluation] = Evaluation.objects.filter(cause="policy")
    assert (evaluation.revision, evaluation.set_revision, evaluation.state) == (measured, on, "waiting")
    assert evaluation.job is not None
    assert evaluation.job.priority_name == "bulk"


def test_what_a_policy_cannot_measure_is_written_down_and_stops_nothing(owner, base):
    on = make_set(owner, labels=["a", "b", "c"], files={"test": b'{"text": "x", "label": "a"}\n'})
    create_policy(owner, on.evaluation_set.namespace, evaluation_set="lab/mood")
    revision = accepted(owner, base, "1.0.0")
    evaluation = of(revision)
    assert (evaluation.state, evaluation.error["code"], evaluation.job) == ("failed", "labels_do_not_fit", None)
    assert revision.state == "pending"
    assert not Job.objects.filter(kind="evaluate").exists()


class TestTheGate:
    @pytest.fixture(autouse=True)
    def policy(self, owner, base):
        self.on = make_set(owner)
        self.namespace = self.on.evaluation_set.namespace
        return create_policy(owner, self.namespace, evaluation_set="lab/mood", largest_drop=0.05)

    def test_a_first_version_needs_a_score_and_no_more(self, owner, base, reviewer):
        revision = accepted(owner, base, "1.0.0")
        assert refusal(reviewer, revision) == "score_not_measured"
        measure(of(revision), 0.1)
        decide(reviewer, revision, decision="approve")
        revision.refresh_from_db()
        assert revision.state == "published"

    def test_a_drop_over_the_limit_keeps_a_version_out(self, owner, base, reviewer):
        self.publish_first(owner, base, reviewer, 0.9)
        worse = accepted(owner, base, "1.1.0", seed=2)
        measure(of(worse), 0.84)
        assert refusal(reviewer, worse) == "score_dropped"
        measure(self.again(owner, worse), 0.85)
        decide(reviewer, worse, decision="approve")

    def test_a_score_on_some_rows_or_on_older_rows_opens_nothing(self, owner, base, reviewer):
        revision = accepted(owner, base, "1.0.0")
        some = {"adapters": ["lab/ner@1.0.0"], "evaluation_set": "lab/mood", "settings": {"limit": 2}}
        asked = request_evaluations(reviewer, **some)
        measure(asked.evaluations[0], 1.0)
        assert refusal(reviewer, revision) == "score_not_measured"
        measure(Evaluation.objects.get(revision=revision, settings__limit=None), 1.0)
        make_set(owner, metric="macro_f1")
        assert refusal(reviewer, revision) == "score_not_measured"

    def test_the_version_before_is_measured_with_the_new_one_where_nobody_did(self, owner, base, reviewer):
        before = classifier(owner, base, version="0.9.0", files=lora_files(seed=9), published=False)
        publish_revision(before, actor=owner, is_gate_overridden=True)
        revision = accepted(owner, base, "1.0.0")
        assert {row.revision for row in Evaluation.objects.exclude(revision=None)} == {before, revision}
        measured = of(revision)
        Evaluation.objects.filter(pk=measured.pk).update(state="measured", score=0.5, measured_at="2026-01-01T00:00Z")
        assert refusal(reviewer, revision) == "score_not_measured"
        Evaluation.objects.filter(revision=before).update(state="failed", error={"code": "no_head", "detail": "x"})
        decide(reviewer, revision, decision="approve")

    def test_an_owner_overrides_it_with_a_reason_that_stays(self, owner, base, reviewer):
        revision = accepted(owner, base, "1.0.0")
        with pytest.raises(NotPermitted):
            decide(reviewer, revision, decision="approve", reason="I want it", override_gate=True)
        boss = make_user("boss", is_admin=True)
        with pytest.raises(InvalidInput):
            decide(boss, revision, decision="approve", override_gate=True)
        decide(boss, revision, decision="approve", reason="a fix that cannot wait", override_gate=True)
        event = AuditEvent.objects.get(action="override_gate")
        assert event.actor == "boss"
        assert "score_not_measured" in event.note
        assert "a fix that cannot wait" in event.note

    def test_without_review_the_score_publishes_and_a_bad_one_waits_for_an_owner(self, owner, base):
        update_namespace(owner, self.namespace, is_review_required=False)
        first = accepted(owner, base, "1.0.0")
        assert first.state == "pending"
        measure(of(first), 0.9)
        first.refresh_from_db()
        assert first.state == "published"
        second = accepted(owner, base, "1.1.0", seed=2)
        measure(of(second), 0.5)
        assert refusal(owner, second) == "score_dropped"
        decide(owner, second, decision="approve", reason="fairer", override_gate=True)
        second.refresh_from_db()
        assert second.state == "published"

    def test_a_rejected_revision_is_never_published_by_its_score(self, owner, base, reviewer):
        update_namespace(owner, self.namespace, is_review_required=False)
        revision = accepted(owner, base, "1.0.0")
        decide(reviewer, revision, decision="reject", reason="no")
        measure(of(revision), 1.0)
        revision.refresh_from_db()
        assert revision.state == "rejected"

    def test_without_the_policy_nothing_is_guarded(self, owner, base, reviewer, policy):
        revision = accepted(owner, base, "1.0.0")
        delete_policy(owner, policy)
        decide(reviewer, revision, decision="approve")

    def test_a_metric_that_should_be_small_drops_when_it_grows(self, owner, base, reviewer):
        before = self.publish_first(owner, base, reviewer, 0.2)
        Evaluation.objects.update(metrics={"accuracy": {"value": 0.2, "higher_is_better": False}})
        revision = accepted(owner, base, "1.1.0", seed=2)
        measure(of(revision), 0.3)
        evaluation = of(revision)
        evaluation.metrics["accuracy"]["higher_is_better"] = False
        evaluation.save()
        assert before.state == "published"
        assert refusal(reviewer, revision) == "score_dropped"

    @pytest.mark.literature("MUSCLE")
    def test_answers_that_turned_wrong_stop_a_release_though_the_score_is_better(self, owner, base, reviewer, policy):
        delete_policy(owner, policy)
        create_policy(owner, self.namespace, evaluation_set="lab/mood", most_negative_flips=0.2)
        self.publish_first(owner, base, reviewer, 0.5, right=[1, 1, 1, 0, 0, 0])
        revision = accepted(owner, base, "1.1.0", seed=2)
        measure(of(revision), 0.66, right=[0, 0, 1, 1, 1, 1])
        assert refusal(reviewer, revision) == "answers_turned_wrong"
        measure(self.again(owner, revision), 0.66, right=[0, 1, 1, 1, 1, 0])
        decide(reviewer, revision, decision="approve")

    def publish_first(self, owner, base, reviewer, score: float, right=None) -> Revision:
        revision = accepted(owner, base, "1.0.0")
        measure(of(revision), score, right)
        decide(make_user("boss", is_admin=True), revision, decision="approve")
        revision.refresh_from_db()
        return revision

    def again(self, owner, revision: Revision) -> Evaluation:
        """The same asked for once more."""
        asked = request_evaluations(owner, adapters=[f"lab/ner@{revision.version.name}"], evaluation_set="lab/mood")
        return asked.evaluations[0]


def test_who_may_set_a_policy_and_on_what(owner, base, reviewer):
    namespace = make_set(owner).evaluation_set.namespace
    stranger = make_user("stranger")
    make_set(stranger, "stranger/secret", visibility="private")
    admin = make_user("boss", is_admin=True)
    for actor in (reviewer, stranger):
        with pytest.raises(NotPermitted):
            create_policy(actor, namespace, evaluation_set="lab/mood")
    for name in ("stranger/secret", "lab/absent"):
        with pytest.raises(NotFound) as refused:
            create_policy(owner, namespace, evaluation_set=name)
        assert refused.value.code == "set_not_found"
    with pytest.raises(InvalidInput):
        create_policy(admin, namespace, evaluation_set="stranger/secret")
    for limits in ({"largest_drop": -1.0}, {"largest_drop": float("nan")}, {"most_negative_flips": 1.5}):
        with pytest.raises(InvalidInput):
            create_policy(owner, namespace, evaluation_set="lab/mood", **limits)
    create_policy(owner, namespace, evaluation_set="lab/mood")
    with pytest.raises(Conflict) as refused:
        create_policy(owner, namespace, evaluation_set="lab/mood", largest_drop=0.1)
    assert refused.value.code == "policy_exists"


def test_publishing_by_any_other_way_asks_the_gate_too(owner, base):
    namespace = make_set(owner).evaluation_set.namespace
    create_policy(owner, namespace, evaluation_set="lab/mood", largest_drop=0.0)
    revision = accepted(owner, base, "1.0.0")
    with pytest.raises(Conflict):
        publish_revision(revision, actor=owner)
