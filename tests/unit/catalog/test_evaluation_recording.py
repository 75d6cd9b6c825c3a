"""What a job measured is written one evaluation at a time; equal answers are the same bytes."""

import pytest

from catalog.accounts.services import set_member
from catalog.errors import Conflict, Gone
from catalog.evaluations.answers import canonical_json, pack, unpack
from catalog.evaluations.grouping import MOST_PER_JOB
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import inputs_of
from catalog.evaluations.recording import abandon_evaluations, record_results, revive_evaluations
from catalog.evaluations.requesting import request_evaluations, run_again
from catalog.jobs.deciding import cancel
from catalog.jobs.models import Job
from catalog.jobs.services import claim
from catalog.removals.withdrawing import delete_adapter
from tests.unit.catalog.evaluating import LABELS, classifier, make_set, measured_row
from tests.unit.catalog.factories import digests_of, lora_files, make_base, make_namespace, make_user
from workers.supervisor import supervise

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    make_set(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


def asked(owner, *names: str, **settings) -> list[Evaluation]:
    return request_evaluations(owner, adapters=names, evaluation_set="lab/mood", settings=settings).evaluations


def job_of(evaluation: Evaluation) -> Job:
    assert evaluation.job is not None
    return evaluation.job


def test_one_that_fails_takes_nothing_from_the_others(owner, base):
    names = [f"lab/a{number}" for number in range(4)]
    for name in names:
        classifier(owner, base, name)
    first, second, third, fourth, of_base = asked(owner, *names)
    not_a_number = measured_row(third, 0.5)
    not_a_number["metrics"]["accuracy"]["value"] = "nan"
    error = {"code": "labels_do_not_fit", "detail": "two rows", "hint": "Choose another set."}
    rows = [measured_row(first, 0.5), {"evaluation_id": str(second.pk), "error": error}, not_a_number]
    rows.append(measured_row(of_base, 0.4))
    result = record_results(job_of(first), {"versions": {"torch": "2"}, "results": rows})
    for row in (first, second, third, fourth, of_base):
        row.refresh_from_db()
    assert [row.state for row in (first, second, third, fourth, of_base)] == [
        "measured",
        "failed",
        "failed",
        "failed",
        "measured",
    ]
    assert second.error == error
    assert third.error["code"] == "score_missing"
    assert fourth.error["code"] == "result_missing"
    assert (result["measured"], result["failed"]) == (2, 3)
    assert (first.score, first.score_low, first.score_high, first.used) == (0.5, 0.4, 0.6, {"batch_size": 8})
    again = record_results(job_of(first), {"results": [measured_row(first, 0.9)]})
    first.refresh_from_db()
    assert (again["measured"], first.score) == (0, 0.5)


def test_the_same_answers_have_one_digest_whatever_their_last_bits(owner):
    one = {"right": [1, 0], "answer": ["a", "ü"], "likelihood": [0.1 + 0.2, -0.0]}
    other = {"likelihood": [0.3, 0.0], "answer": ["a", "ü"], "right": (1, 0)}
    assert pack(one) == pack(other)
    assert canonical_json(one) == '{"answer":["a","ü"],"likelihood":[0.3,0.0],"right":[1,0]}'.encode()
    deflated, digest = pack(one)
    assert unpack(deflated)["likelihood"] == [0.3, 0.0]
    assert digest != pack({**one, "right": [1, 1]})[1]


def test_twice_the_same_evaluation_keeps_both_and_gives_one_digest(owner, base):
    classifier(owner, base)
    first, _ = asked(owner, "lab/ner", seed=5)
    record_results(job_of(first), {"results": [measured_row(row, 0.5) for row in Evaluation.objects.all()]})
    first.refresh_from_db()
    second = run_again(owner, first).evaluations[0]
    record_results(job_of(second), {"results": [measured_row(second, 0.5)]})
    second.refresh_from_db()
    assert second.pk != first.pk
    assert second.predictions_digest == first.predictions_digest != ""
    assert second.settings == first.settings | {"batch_size": 8}


def test_a_worker_gets_the_digests_of_what_it_measures_and_how(owner, base):
    revision = classifier(owner, base)
    adapter, of_base = asked(owner, "lab/ner", seed=4, batch_size=2)
    inputs = inputs_of(job_of(adapter))
    assert inputs.base == base
    assert {split: file.path for split, file in inputs.set_files.items()} == {
        "test": "test.jsonl",
        "train": "train.jsonl",
    }
    assert inputs.set_argument() == {
        "harness": "sequence_classification",
        "labels": LABELS,
        "columns": {"text": "text", "label": "label"},
        "template": "",
        "metric": "accuracy",
        "options": {},
    }
    [subject, alone] = inputs.subjects
    assert subject.files == digests_of(lora_files())
    assert (subject.settings["seed"], subject.settings["batch_size"]) == (4, 2)
    assert (alone.evaluation_id, alone.files) == (str(of_base.pk), None)
    delete_adapter(owner, revision.adapter)
    assert [left.evaluation_id for left in inputs_of(job_of(adapter)).subjects] == [str(of_base.pk)]
    of_base.delete()
    with pytest.raises(Gone):
        inputs_of(job_of(adapter))


def test_subjects_share_jobs_of_at_most_twenty_and_the_base_is_measured_once(owner, base):
    names = [f"lab/a{number}" for number in range(25)]
    for name in names:
        classifier(owner, base, name)
    made = request_evaluations(owner, adapters=names, evaluation_set="lab/mood")
    assert [row.revision.adapter.full_name for row in made.evaluations if row.revision] == names
    sizes = [job.evaluations.count() for job in made.jobs]
    assert max(sizes) <= MOST_PER_JOB
    assert sum(sizes) == 26
    assert Evaluation.objects.filter(revision=None, cause="baseline").count() == 1
    assert len(request_evaluations(owner, adapters=names, evaluation_set="lab/mood").jobs) == 0
    other_seed = request_evaluations(owner, adapters=names[:1], evaluation_set="lab/mood", settings={"seed": 1})
    assert [row.cause for row in other_seed.evaluations] == ["request", "baseline"]


def test_a_job_that_waits_takes_more_in_until_it_is_full_cancelled_or_taken(owner, base):
    for number in range(24):
        classifier(owner, base, f"lab/a{number}")
    one_by_one = [asked(owner, f"lab/a{number}")[0] for number in range(21)]
    jobs = list(dict.fromkeys(row.job_id for row in one_by_one))
    assert [Evaluation.objects.filter(job=job).count() for job in jobs] == [20, 2]
    assert job_of(one_by_one[18]).subject_name.endswith(", ...")
    claimed = claim("gpu")
    assert claimed is not None
    assert claimed.job.pk == jobs[0]
    cancel(owner, job_of(one_by_one[20]))
    late = asked(owner, "lab/a21")[0]
    assert late.job_id not in jobs
    assert claim("gpu") is not None
    assert claim("gpu") is not None
    assert asked(owner, "lab/a22")[0].job_id not in {*jobs, late.job_id}
    other = make_user("boss", is_admin=True)
    assert asked(other, "lab/a23")[0].job.created_by == other


def test_subjects_of_different_bases_get_jobs_of_their_own(owner, base):
    other = make_base(owner, "other/llama")
    classifier(owner, base, "lab/one")
    classifier(owner, other, "lab/two")
    made = request_evaluations(owner, adapters=["lab/two", "lab/one"], evaluation_set="lab/mood")
    assert len(made.jobs) == 2
    assert [str(row.revision.adapter) for row in made.evaluations if row.revision] == ["lab/two", "lab/one"]


def test_a_job_that_ends_badly_says_so_in_each_evaluation_and_a_retry_brings_them_back(owner, base):
    classifier(owner, base)
    adapter, of_base = asked(owner, "lab/ner")
    job = job_of(adapter)
    abandon_evaluations(job, {"code": "internal_error", "detail": "the store was away"})
    adapter.refresh_from_db()
    assert (adapter.state, adapter.error["code"]) == ("failed", "internal_error")
    revive_evaluations(job)
    assert set(Evaluation.objects.values_list("state", "error")) == {("waiting", None)}
    record_results(job, {"results": [measured_row(row, 0.5) for row in (adapter, of_base)]})
    with pytest.raises(Conflict) as refused:
        revive_evaluations(job)
    assert refused.value.code == "not_retryable"


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_job_leaves_no_evaluation_waiting(owner, base):
    classifier(owner, base)
    adapter, _ = asked(owner, "lab/ner")
    cancel(owner, job_of(adapter))
    assert supervise(queue="gpu")
    adapter.refresh_from_db()
    assert (adapter.state, adapter.error["code"]) == ("failed", "cancelled")


def test_members_see_a_job_only_if_they_may_see_the_set(owner, base):
    stranger = make_user("stranger")
    make_set(owner, "owner/secret", visibility="private")
    classifier(owner, base)
    open_job = job_of(asked(owner, "lab/ner")[0])
    closed = request_evaluations(owner, adapters=["lab/ner"], evaluation_set="owner/secret").jobs[0]
    set_member(owner, open_job.namespace, username="stranger", role="reader")
    seen = set(Job.objects.visible_to(stranger).filter(kind="evaluate").values_list("pk", flat=True))
    assert seen == {open_job.pk}
    assert Job.objects.visible_to(owner).filter(pk=closed.pk).exists()
