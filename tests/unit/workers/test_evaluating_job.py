"""The job that measures: a real child on a small model, and what becomes of evaluations that cannot be measured."""

import os
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import predictions_of
from catalog.evaluations.requesting import request_evaluations
from catalog.jobs.models import Job, JobState
from tests.unit.catalog.evaluating import classifier, json_lines, make_set
from tests.unit.catalog.factories import make_base, make_namespace, make_user, push
from tests.unit.workers.small_models import make_adapter, sentences
from tests.unit.workers.small_models import make_base as make_small_model
from workers import supervisor
from workers.children import ChildFailed, wait_until_warm
from workers.supervisor import supervise

pytest.importorskip("torch", reason="evaluations run on torch")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_model(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def base(settings, weights, tmp_path):
    """A registered base model whose weights this worker has."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    base.config = None
    base.save()
    settings.HUB_BASE_WEIGHTS_DIR = str(tmp_path)
    place = tmp_path / base.name
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(weights, place)
    return base


def pushed(base, weights: Path, folder: Path, *, seed: int) -> str:
    """A published adapter on the small model; the name of its version."""
    files = {path.name: path.read_bytes() for path in make_adapter(weights, folder, seed=seed).iterdir()}
    classifier(base.created_by, base, f"lab/a{seed}", files=files, version="1.0.0")
    return f"lab/a{seed}@1.0.0"


def asked(base, *names: str, **settings: Any) -> list[Evaluation]:
    """Evaluations of these versions, or of the base alone, after one job has run."""
    rows = {"test": json_lines(sentences(20)), "train": json_lines(sentences(40, seed=1))}
    make_set(base.created_by, files=rows)
    chosen = {"efficiency": False, **settings}
    if not names:
        chosen["with_probe"] = True
    alone = {} if names else {"base_model": base.name}
    requested = request_evaluations(
        base.created_by, adapters=names, evaluation_set="lab/mood", settings=chosen, **alone
    ).evaluations
    assert supervise(queue="gpu")
    for row in requested:
        row.refresh_from_db()
    return requested


def test_one_job_measures_adapters_and_base_and_leaves_no_folder_behind(base, weights, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # The forkserver keeps its socket where it was started.
    wait_until_warm()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    names = [pushed(base, weights, tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    first, second, alone = asked(base, *names)
    job = Job.objects.get(kind="evaluate")
    assert job.state == JobState.SUCCEEDED, job.error
    assert [row.state for row in (first, second, alone)] == ["measured"] * 3, [first.error, second.error, alone.error]
    assert first.predictions_digest != second.predictions_digest
    assert len(predictions_of(first)["answer"]) == 20
    assert (first.used["threads"], first.used["head"], alone.used["head"]) == (1, "adapter", "probe")
    assert first.used["dtype"] == "float32"
    assert first.versions["harness"]
    assert list(scratch.glob("evaluation-*")) == []


def test_without_weights_on_the_worker_every_evaluation_says_where_they_belong(
    base, weights, tmp_path, settings, monkeypatch
):
    name = pushed(base, weights, tmp_path / "1", seed=1)
    settings.HUB_BASE_WEIGHTS_DIR = ""
    monkeypatch.setattr("workers.base_weights._in_the_cache", lambda base: None)
    first, alone = asked(base, name)
    assert Job.objects.get(kind="evaluate").state == JobState.FAILED
    for row in (first, alone):
        assert row.state == "failed"
        assert row.error["code"] == "base_weights_missing"
        assert "HUB_BASE_WEIGHTS_DIR" in row.error["detail"]


def test_an_evaluation_has_a_time_limit_of_its_own(base, weights, tmp_path, settings):
    settings.HUB_EVALUATION_SECONDS = 0
    [alone] = asked(base)
    assert (alone.state, alone.error["code"]) == ("failed", "resource_limit")


def test_one_that_kills_its_child_is_found_by_halving_and_the_others_are_measured(base, weights, tmp_path, monkeypatch):
    names = [pushed(base, weights, tmp_path / str(seed), seed=seed) for seed in (1, 2, 3)]
    killer = Revision.objects.get(adapter__name="a2")
    plain, sizes = supervisor.run_in_child, []

    def run_in_child(function: str, argument: dict[str, Any], **limits: Any) -> dict[str, Any]:
        named = {subject["evaluation_id"] for subject in argument["subjects"]}
        sizes.append(len(named))
        if named & {str(row.pk) for row in Evaluation.objects.filter(revision=killer)}:
            raise ChildFailed("resource_limit", "it needed more than 8192 MiB of memory", is_final=True)
        return plain(function, argument, **limits)

    monkeypatch.setattr(supervisor, "run_in_child", run_in_child)
    requested = asked(base, *names)
    while supervise(queue="gpu"):
        pass
    states = {row.revision and row.revision.adapter.name: Evaluation.objects.get(pk=row.pk) for row in requested}
    assert {name: row.state for name, row in states.items()} == {
        "a1": "measured", "a2": "failed", "a3": "measured", None: "measured",
    }  # fmt: skip
    assert states["a2"].error["code"] == "resource_limit"
    assert sorted(sizes, reverse=True) == [4, 2, 2, 1, 1]


def test_a_companion_goes_along_to_the_child(base, weights, tmp_path):
    task = pushed(base, weights, tmp_path / "1", seed=1)
    folder = make_adapter(weights, tmp_path / "2", seed=2, task="FEATURE_EXTRACTION")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    inspection = {"verdict": "accepted", "facts": {"method": "lora", "rank": 4}, "findings": []}
    second = push(base.created_by, files, "lab/german", version="1.0.0")
    record_verdict(second, inspection=inspection, base=base)
    alone, _ = asked(base, task)
    [joint] = request_evaluations(
        base.created_by,
        adapters=[task],
        companion=f"lab/german@{second.commit_id}",
        evaluation_set="lab/mood",
        settings=alone.settings,
    ).evaluations
    assert supervise(queue="gpu")
    joint.refresh_from_db()
    assert joint.state == "measured", joint.error
    assert joint.predictions_digest != alone.predictions_digest
