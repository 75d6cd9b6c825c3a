"""What was computed from measured adapters is measured on the same rows before it is published."""

import pytest

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.adapters.services import create_adapter
from catalog.bases.models import BaseModel
from catalog.derivations.measuring import due_measurements, measure_derived
from catalog.derivations.models import Derivation
from catalog.errors import Conflict
from catalog.evaluations.models import Evaluation
from catalog.evaluations.requesting import request_evaluations
from catalog.evaluations.withdrawing import withdraw_set
from catalog.reviews.services import decide
from tests.unit.catalog.deriving import finish_merge, open_merge
from tests.unit.catalog.evaluating import classifier, facts_with_head, make_set, measure
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return make_user("owner")


@pytest.fixture
def base(owner) -> BaseModel:
    return make_base(owner)


def scored(owner: User, base: BaseModel, *, on: str = "lab/mood", rows: int = 2) -> Revision:
    """A published adapter with a score on a set."""
    revision = classifier(owner, base, "lab/parent", rows=rows)
    (evaluation, *_) = request_evaluations(owner, adapters=["lab/parent"], evaluation_set=on).evaluations
    measure(evaluation, 0.8)
    return revision


def derived(owner: User, base: BaseModel, parent: Revision, tmp_path, *, rows: int = 2) -> Revision:
    """A merge of ``parent`` that validation accepted."""
    target = create_adapter(owner, full_name="lab/merged", exist_ok=True)
    _, job = open_merge(owner, target, parent)
    made = finish_merge(job, tmp_path / "made").revision
    assert made is not None
    inspection = {"verdict": "accepted", "facts": facts_with_head(rows), "findings": []}
    record_verdict(made, inspection=inspection, base=base)
    made.refresh_from_db()
    return made


def test_it_waits_for_a_score_where_a_parent_has_one_and_is_measured_by_itself(owner, base, tmp_path):
    make_namespace(owner)
    make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path)
    assert made.state == "pending"
    with pytest.raises(Conflict, match="derived_not_measured"):
        publish_revision(made, actor=owner)
    assert len(measure_derived(made)) == 1
    assert measure_derived(made) == []
    measure(Evaluation.objects.get(revision=made), 0.7)
    assert publish_revision(made, actor=owner).state == "published"


def test_where_nobody_reviews_it_is_published_once_it_is_measured(owner, base, tmp_path):
    make_namespace(owner, is_review_required=False)
    make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path)
    assert made.state == "pending"
    measure_derived(made)
    measure(Evaluation.objects.get(revision=made), 0.7)
    made.refresh_from_db()
    assert made.state == "published"


def test_an_owner_publishes_it_unmeasured_with_a_reason(owner, base, tmp_path):
    make_namespace(owner, is_review_required=False)
    make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path)
    decide(owner, made, decision="approve", reason="the set is of another task", override_gate=True)
    made.refresh_from_db()
    assert made.state == "published"


def test_parents_without_a_score_ask_for_none(owner, base, tmp_path):
    make_namespace(owner, is_review_required=False)
    parent = classifier(owner, base, "lab/parent")
    assert derived(owner, base, parent, tmp_path).state == "published"


def test_a_set_whose_labels_the_result_does_not_have_is_none_of_its_sets(owner, base, tmp_path):
    make_namespace(owner, is_review_required=False)
    make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path, rows=3)
    assert made.state == "published"


def test_a_private_set_of_others_is_neither_asked_for_nor_named(owner, base, tmp_path):
    make_namespace(owner, is_review_required=False)
    other = make_user("other")
    make_namespace(other, "exam")
    make_set(other, "exam/mood", visibility="private")
    parent = classifier(owner, base, "lab/parent")
    (evaluation, *_) = request_evaluations(other, adapters=["lab/parent"], evaluation_set="exam/mood").evaluations
    measure(evaluation, 0.8)
    made = derived(owner, base, parent, tmp_path)
    assert due_measurements(made) == []
    assert made.state == "published"


def test_the_newest_rows_that_a_parent_was_measured_on_are_those_that_count(owner, base, tmp_path):
    make_namespace(owner)
    make_set(owner)
    parent = scored(owner, base)
    make_set(
        owner, files={"test": b'{"text": "a", "label": "positive"}\n', "train": b'{"text": "b", "label": "negative"}\n'}
    )
    made = derived(owner, base, parent, tmp_path)
    assert [str(on) for on, _ in due_measurements(made)] == ["lab/mood@1"]


def test_a_set_that_was_withdrawn_asks_for_no_score(owner, base, tmp_path):
    make_namespace(owner)
    on = make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path)
    assert due_measurements(made)
    withdraw_set(owner, on.evaluation_set, reason="the rows were not ours")
    assert due_measurements(made) == []
    assert publish_revision(made, actor=owner).state == "published"


def test_what_was_trained_in_the_directions_of_others_has_a_task_of_its_own(owner, base, tmp_path):
    make_namespace(owner)
    make_set(owner)
    made = derived(owner, base, scored(owner, base), tmp_path)
    Derivation.objects.filter(revision=made).update(kind="adapt")
    assert due_measurements(made) == []


def test_what_was_pushed_by_somebody_is_asked_for_nothing(owner, base):
    make_namespace(owner)
    make_set(owner)
    scored(owner, base)
    pushed = classifier(owner, base, "lab/other", published=False, files=lora_files(seed=7))
    assert due_measurements(pushed) == []
