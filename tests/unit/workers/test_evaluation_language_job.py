"""Sets of text and of calibration as jobs of the hub: asked for, measured in a real child, kept."""

import os
from pathlib import Path

import pytest

from catalog.adapters.publication import publish_revision, record_verdict
from catalog.evaluations.queries import predictions_of
from catalog.evaluations.requesting import request_evaluations
from catalog.evaluations.uncertainty import request_uncertainty
from catalog.jobs.models import Job, JobState
from tests.unit.catalog.evaluating import json_lines, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user, push
from tests.unit.workers.small_models import argument, say_nothing, subject, write_rows
from workers.supervisor import supervise

pytest.importorskip("torch", reason="evaluations run on torch")
pytest.importorskip("lm_eval", reason="requirements/lm.txt is not installed")
from tests.unit.workers.tiny_language_model import adapt, build, questions
from workers.evaluation.run import evaluate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
CHOICE = {"doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("language")
    base = build(root / "base")
    return base, adapt(base, root / "adapter")


@pytest.fixture
def revision(settings, folders, tmp_path):
    """A published LoRA of a language model whose weights this worker has."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    base.config = None
    base.save()
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path / "weights")
    place = tmp_path / "weights" / base.name
    place.parent.mkdir(parents=True)
    os.symlink(folders[0], place)
    files = {path.name: path.read_bytes() for path in folders[1].iterdir()}
    facts = {"method": "lora", "rank": 4, "task_type": "CAUSAL_LM", "heads": []}
    pushed = push(owner, files, adapter="lab/sums", version="1.0.0")
    revision = record_verdict(pushed, inspection={"verdict": "accepted", "facts": facts, "findings": []}, base=base)
    revision.refresh_from_db()
    return publish_revision(revision, actor=owner) if revision.state == "pending" else revision


def a_set(owner, name: str, test: list[dict], **manifest):
    plain = {"harness": "language_model", "metric": "acc", "columns": {}, "labels": [], "options": CHOICE}
    files = {"test": json_lines(test), "train": json_lines(questions(20, 8))}
    return make_set(owner, name, files=files, **(plain | manifest))


def test_the_hub_keeps_what_lm_eval_measures_of_adapter_and_base(revision, folders, tmp_path):
    owner, rows = revision.author, questions(20, 9)
    a_set(owner, "lab/choice", rows)
    asked = request_evaluations(
        owner, adapters=["lab/sums@1.0.0"], evaluation_set="lab/choice", settings={"batch_size": 8, "efficiency": False}
    ).evaluations
    assert supervise(queue="gpu")
    for row in asked:
        row.refresh_from_db()
    assert [row.state for row in asked] == ["measured", "measured"], [row.error for row in asked]
    adapter, base = sorted(asked, key=lambda row: row.revision is None)
    plain = argument(
        folders[0],
        write_rows(tmp_path / "rows", rows),
        [subject("adapter", folders[1], batch_size=8)],
        harness="language_model",
        labels=[],
        metric="acc",
        options=CHOICE,
    )
    direct = evaluate(plain, say_nothing)["results"][0]
    assert adapter.metrics == direct["metrics"]
    assert predictions_of(adapter) == direct["predictions"]
    assert adapter.score == direct["metrics"]["acc"]["value"] > base.score
    assert adapter.versions["lm_eval"]


def test_a_template_that_does_harm_fails_the_evaluation_with_its_reason(revision):
    owner = revision.author
    a_set(owner, "lab/evil", questions(4, 9), options=CHOICE | {"doc_to_text": "{{ question.__class__.__mro__ }}"})
    asked = request_evaluations(owner, adapters=["lab/sums@1.0.0"], evaluation_set="lab/evil").evaluations
    assert supervise(queue="gpu")
    for row in asked:
        row.refresh_from_db()
        assert (row.state, row.error["code"]) == ("failed", "template_refused")


def test_uncertainty_is_searched_in_a_child_and_kept(revision):
    owner = revision.author
    a_set(owner, "lab/choice", questions(20, 9))
    settings = {"samples": 1, "anchor_rows": 10, "tolerance": 0.3}
    row = request_uncertainty(owner, revision.adapter, version="1.0.0", evaluation_set="lab/choice", settings=settings)
    assert supervise(queue="gpu")
    row.refresh_from_db()
    assert Job.objects.get(kind="bayesianise").state == JobState.SUCCEEDED
    assert (row.state, row.error) == ("measured", None)
    assert row.sigma > 0
    assert set(row.before) == set(row.after) == {"accuracy", "ece", "nll"}
    assert (row.used["samples"], row.used["anchor_rows"], row.used["anchor_split"]) == (1, 10, "train")
