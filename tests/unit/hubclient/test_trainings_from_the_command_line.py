"""`hubclient adapt` and `transfer` against a hub that answers for real; only the training is played."""

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.accounts.models import User
from catalog.accounts.tokens import issue_token
from catalog.adapters.models import Revision
from catalog.adapters.storing import store_folder
from catalog.bases.services import register_base
from catalog.derivations.drafting import abandon_derivation, receipts_as_dict
from catalog.derivations.models import Derivation
from catalog.derivations.trained import record_trained
from catalog.evaluations.models import EvaluationSet
from catalog.jobs.models import Job
from catalog.jobs.services import claim, complete, fail
from hubclient.cli import main
from tests.unit.catalog.evaluating import make_set
from tests.unit.catalog.factories import lora_files
from tests.unit.frontend.conftest import catalog, measured, quick_passwords  # noqa: F401  (fixtures, found by name)

outcome: dict[str, Any] = {}
WAIT = ("--wait", "--timeout", "20")
SIDE = {"low": 0.7, "high": 0.9, "head_parameters": 10, "steps": 24, "first_loss": 0.7, "last_loss": 0.2}
ADAPTED = {
    "metric": "accuracy",
    "sides": [
        {"name": "coefficients", "score": 0.8, "trained_parameters": 5120, "seconds": 1.5, **SIDE},
        {"name": "full_lora", "score": 0.85, "trained_parameters": 73728, "seconds": 1.62, **SIDE},
        {"name": "base_alone", "score": 0.5, "trained_parameters": 0, "seconds": None, **SIDE},
    ],
}
MOVED = {
    "metric": None,
    "is_experimental": True,
    "agreement": 0.925,
    "held_out_texts": 40,
    "sides": [{"name": "student", "score": None, "trained_parameters": 960, "seconds": 2.0, **SIDE}],
}


def send(job_id: str, queue: str) -> bool:
    """A job sender that plays the worker: what trains ends at once, and what looks at it afterwards too."""
    kind = Job.objects.get(pk=job_id).kind
    if not outcome or kind not in ("adapt", "transfer", "validate_revision"):
        return True
    while (claimed := claim(queue, worker="at-once")) is not None and str(claimed.job.pk) != str(job_id):
        complete(claimed, dict)
    assert claimed is not None
    job = claimed.job
    if kind == "validate_revision":
        complete(claimed, lambda: {"verdict": "accepted"})
    elif error := outcome.get("error"):
        fail(claimed, **error, is_final=True, effects=lambda: abandon_derivation(job, error))
    else:
        complete(claimed, lambda: record_trained(job, outcome))
    return True


@pytest.fixture
def run(live_server: Any, measured: Any, settings: Any, monkeypatch: Any, capsys: Any, tmp_path: Path):  # noqa: F811
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    owner, writer = User.objects.get(username="owner"), User.objects.get(username="writer")
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(writer, name="ci", scopes=["read", "write"]).secret)
    make_set(owner, "team/mood")
    register_base(owner, name="example/other", shapes={"encoder.layer.0.attention.query.weight": [32, 32]})
    for revision in Revision.objects.filter(adapter__name="sentiment"):
        heads = [{"module": "classifier", "tensors": {"weight": [2, 64]}}]
        revision.facts = {**revision.facts, "method": "lora", "task_type": "SEQ_CLS", "heads": heads}
        revision.save()
    settings.HUB_JOB_SENDER = f"{__name__}.send"
    outcome.clear()

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def will_end(report: dict[str, Any], folder: Path) -> None:
    """What the next training comes to."""
    folder.mkdir()
    for path, data in lora_files(seed=77).items():
        (folder / path).write_bytes(data)
    outcome.update(
        receipts=receipts_as_dict(store_folder(folder)),
        card="Learnt.",
        report=report,
        made_with={},
    )


def test_adapt_waits_and_shows_both_sides_with_numbers_and_seconds(run, tmp_path):
    will_end(ADAPTED, tmp_path / "made")
    code, out, err = run(
        "adapt", "team/learnt@1.0.0", "--member", "team/sentiment", "--set", "team/mood", "--wait", "--timeout", "20"
    )
    assert code == 0, err
    first, *rows = out.splitlines()
    assert first.startswith("team/learnt@1.0.0: ")
    assert [row.split("\t") for row in rows] == [
        ["coefficients alone", "0.8000", "5,120", "1.5"],
        ["full LoRA", "0.8500", "73,728", "1.6"],
        ["base model alone", "0.5000", "0", "-"],
    ]


def test_json_is_the_hubs_derivation(run, tmp_path):
    will_end(ADAPTED, tmp_path / "made")
    arguments = ("--member", "team/sentiment@1.1.0", "--set", "team/mood", "--rank", "4", "--components", "6")
    code, out, err = run("adapt", "team/learnt", *arguments, *WAIT, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["kind"], answer["state"], answer["report"]) == ("adapt", "made", ADAPTED)
    assert (answer["recipe"]["rank"], answer["recipe"]["components"]) == (4, 6)
    assert answer["parents"][0]["version"] == "1.1.0"


def test_without_wait_the_job_is_named(run):
    code, out, _ = run("adapt", "team/learnt", "--member", "team/sentiment", "--set", "team/mood")
    assert code == 0
    assert "waiting" in out
    assert "hubclient jobs" in out


def test_rows_of_ones_own_become_a_private_set(run, tmp_path):
    will_end(ADAPTED, tmp_path / "made")
    for split in ("train", "test"):
        rows = [{"text": f"words {n}", "label": "good" if n % 2 else "bad"} for n in range(4)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = ("--train", str(tmp_path / "train.jsonl"), "--test", str(tmp_path / "test.jsonl"))
    code, _, err = run("adapt", "team/learnt", "--member", "team/sentiment", *files, *WAIT)
    assert code == 0, err
    made = EvaluationSet.objects.get(name="learnt-rows")
    assert made.visibility == "private"
    assert Derivation.objects.get().recipe["evaluation_set"] == "team/learnt-rows@1"


def test_what_failed_ends_the_command_with_its_code(run):
    outcome["error"] = {"code": "mixed_shapes", "detail": "query is (3, 4) in one member and (4, 4) in another"}
    code, _, err = run(
        "adapt", "team/learnt", "--member", "team/sentiment", "--set", "team/mood", "--wait", "--timeout", "20"
    )
    assert code == 1
    assert "mixed_shapes" in err


def test_neither_a_set_nor_rows_is_wrong_usage(run):
    assert run("adapt", "team/learnt", "--member", "team/sentiment")[0] == 2
    assert run("transfer", "team/sentiment", "team/moved", "--base", "example/other")[0] == 2


def test_transfer_takes_a_file_of_texts_and_says_that_it_is_experimental(run, tmp_path):
    will_end(MOVED, tmp_path / "made")
    (tmp_path / "texts.txt").write_text("one text\n\nanother text\n")
    texts = ("--texts", str(tmp_path / "texts.txt"))
    code, out, err = run(
        "transfer", "team/sentiment", "team/moved", "--base", "example/other", *texts, "--wait", "--timeout", "20"
    )
    assert code == 0, err
    assert "(experimental)" in out.splitlines()[0]
    assert "same answer as the old adapter: 92.5% of 40 held-out texts" in out
    recipe = Derivation.objects.get().recipe
    assert (recipe["text_set"], recipe["split"], recipe["base_model"]) == (
        "team/moved-texts@1",
        "test",
        "example/other",
    )
    assert EvaluationSet.objects.get(name="moved-texts").revisions.get().rows == 2
