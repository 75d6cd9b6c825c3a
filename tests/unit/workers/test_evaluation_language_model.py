"""Causal language models: lm_eval through the hub is lm_eval on its own command line, to the last digit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="evaluations run on torch")
pytest.importorskip("lm_eval", reason="requirements/lm.txt is not installed")

from tests.unit.workers.small_models import argument, say_nothing, subject, write_rows  # noqa: E402
from tests.unit.workers.tiny_language_model import adapt, build, questions  # noqa: E402
from workers.children import run_in_child  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402

CHOICE = {"doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices"}
ROLLING = {"output_type": "loglikelihood_rolling", "doc_to_target": "{{question}} {{choices[answer]}}"}
TARGET = {"output_type": "loglikelihood", "doc_to_text": "{{question}}", "doc_to_target": " {{choices[answer]}}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, an adapter that knows its sums better, and rows; all made here in seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("language")
    base = build(root / "base")
    made = {
        "root": root,
        "base": base,
        "adapter": adapt(base, root / "adapter"),
        "test": write_rows(root / "test.jsonl", questions(60, 9)),
        "train": write_rows(root / "train.jsonl", questions(30, 8)),
    }
    torch.set_num_threads(before)
    return made


def asked(world: dict[str, Path], options: dict[str, Any], metric: str = "acc", **settings: Any) -> dict[str, Any]:
    """The argument for the base alone and for the adapter."""
    subjects = [subject("base", None, **settings), subject("adapter", world["adapter"], **settings)]
    return argument(
        world["base"],
        world["test"],
        subjects,
        harness="language_model",
        labels=[],
        metric=metric,
        options=options,
        splits={"train": world["train"]},
    )


def results(outcome: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert not [row["error"] for row in outcome["results"] if "error" in row]
    return {row["evaluation_id"]: row for row in outcome["results"]}


def command_line(world: dict[str, Path], tasks: dict[str, dict[str, Any]], folder: Path) -> tuple[Any, Any]:
    """Results and samples by task of lm_eval's own command, on the files that anybody would give it."""
    for name, task in tasks.items():
        files = {"test": str(world["test"]), "train": str(world["train"])}
        content = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": files}, "test_split": "test"}
        (folder / f"{name}.yaml").write_text(json.dumps(content | task))
    model = f"pretrained={world['base']},peft={world['adapter']}"
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", model, "--device", "cpu"]
    command += ["--include_path", str(folder), "--tasks", ",".join(tasks), "--batch_size", "16", "--seed", "0"]
    command += ["--output_path", str(folder / "out"), "--log_samples"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(next((folder / "out").rglob("results_*.json")).read_text())["results"]
    samples = {}
    for name in tasks:
        lines = next((folder / "out").rglob(f"samples_{name}_*.jsonl")).read_text().splitlines()
        samples[name] = sorted((json.loads(line) for line in lines), key=lambda sample: sample["doc_id"])
    return found, samples


SHOTS = CHOICE | {"num_fewshot": 2, "description": "Sums.\n\n"}
METRICS = {
    "multiple_choice": ["acc", "acc_norm", "acc_bytes", "brier_score"],
    "loglikelihood_rolling": ["word_perplexity", "byte_perplexity", "bits_per_byte"],
    "loglikelihood": ["acc", "perplexity"],
}


# Tasks of one run whose requests are of one kind share batches, so that only different kinds may run together.
@pytest.mark.slow
@pytest.mark.parametrize(
    "hub",
    [{"shots": (SHOTS, "acc_norm"), "rolling": (ROLLING, "word_perplexity")}, {"target": (TARGET, "perplexity")}],
    ids=["choice-and-perplexity", "target"],
)
def test_the_hub_gives_the_numbers_of_lm_evals_own_command_line(world, tmp_path, hub):
    usual: dict[str, Any] = {"output_type": "multiple_choice", "doc_to_text": ""}
    tasks = {
        name: usual | options | {"metric_list": [{"metric": one} for one in METRICS[(usual | options)["output_type"]]]}
        for name, (options, _) in hub.items()
    }
    if "shots" in tasks:
        tasks["shots"] |= {"training_split": "train", "fewshot_split": "train"}
    said, samples = command_line(world, tasks, tmp_path)
    for name, (options, metric) in hub.items():
        ours = results(evaluate(asked(world, options, metric, batch_size=16), say_nothing))["adapter"]
        names = [one["metric"] for one in tasks[name]["metric_list"]]
        assert {one: ours["metrics"][one]["value"] for one in names} == {
            one: said[name][f"{one},none"] for one in names
        }
        if name == "rolling":
            assert ours["predictions"]["answer"] == [round(float(row["filtered_resps"][0]), 4) for row in samples[name]]
        else:
            shown = metric if name == "shots" else "acc"
            assert ours["predictions"]["right"] == [int(row[shown]) for row in samples[name]]


def test_the_adapter_is_measured_and_not_only_its_base(world):
    found = results(evaluate(asked(world, CHOICE), say_nothing))
    base, adapter = found["base"]["metrics"]["acc"], found["adapter"]["metrics"]["acc"]
    assert adapter["value"] > base["value"] + 0.1
    assert adapter["low"] <= adapter["value"] <= adapter["high"]
    assert found["base"]["predictions"] != found["adapter"]["predictions"]
    assert len(found["adapter"]["predictions"]["right"]) == 60
    assert sum(found["adapter"]["predictions"]["right"]) / 60 == pytest.approx(adapter["value"])


def test_perplexity_is_lower_for_whoever_knows_the_text_and_lower_is_better(world):
    found = results(evaluate(asked(world, ROLLING, "byte_perplexity"), say_nothing))
    base, adapter = (found[name]["metrics"]["byte_perplexity"] for name in ("base", "adapter"))
    assert adapter["value"] < base["value"]
    assert adapter["higher_is_better"] is False
    assert adapter["low"] < adapter["value"] < adapter["high"]
    assert all(0 < share < 1 for share in found["adapter"]["predictions"]["right"])


def test_the_same_evaluation_gives_the_same_answers_again(world):
    first, again = (results(evaluate(asked(world, CHOICE), say_nothing)) for _ in range(2))
    assert first["adapter"]["predictions"] == again["adapter"]["predictions"]
    assert first["adapter"]["metrics"] == again["adapter"]["metrics"]


def test_it_runs_inside_the_limits_of_a_child(world):
    found = run_in_child(
        "workers.evaluation.run:evaluate", asked(world, CHOICE, limit=20), memory_bytes=2 << 30, seconds=200
    )
    assert [row["used"]["rows"] for row in found["results"]] == [20, 20]
    assert found["versions"]["lm_eval"]


def test_a_set_may_take_its_prompt_from_the_template_and_its_choices_from_the_labels(world, tmp_path):
    rows = [{"text": row["question"], "label": row["choices"][row["answer"]]} for row in questions(20, 5)]
    labels = sorted({row["label"] for row in rows})
    said = argument(
        world["base"],
        write_rows(tmp_path / "rows.jsonl", rows),
        [subject("adapter", world["adapter"])],
        harness="language_model",
        labels=labels,
        columns={"label": "label"},
        template="{{text}}",
        metric="acc",
        options={},
    )
    found = results(evaluate(said, say_nothing))["adapter"]
    assert len(found["predictions"]["loglikelihoods"][0]) == len(labels)


@pytest.mark.parametrize(
    ("options", "metric", "code", "words"),
    [
        (CHOICE | {"doc_to_text": "question_text"}, "acc", "columns_missing", "'question_text'"),
        (CHOICE | {"doc_to_text": "{{questions}}"}, "acc", "template_refused", "'questions' is undefined"),
        (CHOICE | {"doc_to_text": "{{question"}, "acc", "template_refused", "cannot be read"),
        (CHOICE | {"doc_to_choice": "{{choices[0]}}"}, "acc", "template_refused", "is no list"),
        (CHOICE | {"doc_to_target": "{{answer + 7}}"}, "acc", "template_refused", "none of the 4 choices"),
        (CHOICE | {"num_fewshot": 31}, "acc", "option_invalid", "has 30 rows"),
        (CHOICE | {"num_fewshot": 1000}, "acc", "option_invalid", "num_fewshot"),
        (CHOICE | {"process_docs": "!function utils.run"}, "acc", "option_invalid", "process_docs"),
        (CHOICE | {"dataset_path": "somebody/elses"}, "acc", "option_invalid", "dataset_path"),
        (CHOICE | {"output_type": "generate_until"}, "acc", "option_invalid", "generate_until"),
        (CHOICE, "word_perplexity", "metric_unknown", "word_perplexity"),
        (ROLLING | {"doc_to_target": ""}, "bits_per_byte", "template_refused", "is empty"),
    ],
)
def test_a_set_that_cannot_be_asked_is_refused_before_any_weights_are_loaded(
    world, monkeypatch, options, metric, code, words
):
    from workers.evaluation.base import Base

    monkeypatch.setattr(Base, "load", lambda *_: pytest.fail("weights were loaded"))
    errors = [row["error"] for row in evaluate(asked(world, options, metric), say_nothing)["results"]]
    assert {error["code"] for error in errors} == {code}
    assert all(words in error["detail"] for error in errors)


def test_an_answer_that_is_longer_than_the_model_reads_is_refused_with_its_reason(world):
    error = evaluate(asked(world, CHOICE | {"doc_to_choice": ["yes", "no " * 300, "a", "b"]}), say_nothing)
    assert {row["error"]["code"] for row in error["results"]} == {"rows_malformed"}
    assert "128" in error["results"][0]["error"]["detail"]


def test_an_adapter_of_another_task_is_refused_and_the_others_are_measured(world, tmp_path):
    said = asked(world, CHOICE, limit=5)
    config = json.loads((world["adapter"] / "adapter_config.json").read_text()) | {"task_type": "SEQ_CLS"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes((world["adapter"] / "adapter_model.safetensors").read_bytes())
    said["subjects"].insert(1, subject("other", tmp_path))
    first, other, last = evaluate(said, say_nothing)["results"]
    assert other["error"]["code"] == "harness_mismatch"
    assert "metrics" in first
    assert "metrics" in last


def test_without_lm_eval_the_error_says_what_to_install(world, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "lm_eval" else real(name, *more)
    )
    error = evaluate(asked(world, CHOICE), say_nothing)["results"][0]["error"]
    assert error["code"] == "harness_missing"
    assert "requirements/lm.txt" in error["hint"]


@pytest.mark.parametrize("options", [CHOICE, ROLLING, TARGET], ids=["choice", "rolling", "target"])
def test_cost_stands_beside_the_score_and_drawn_rows_keep_their_places(world, options):
    metric = "byte_perplexity" if options is ROLLING else "acc"
    found = results(evaluate(asked(world, options, metric, limit=7, seed=5), say_nothing))
    cost = found["adapter"]["efficiency"]
    for name in ("milliseconds_per_row", "milliseconds_per_row_merged", "milliseconds_per_row_base", "rows_per_second"):
        assert cost[name] > 0, name
    assert cost["parameters"] > 0
    assert {"milliseconds_per_row_base", "peak_memory_bytes"} <= set(found["base"]["efficiency"])
    whole = results(evaluate(asked(world, options, metric, efficiency=False, batch_size=1), say_nothing))["adapter"]
    places = found["adapter"]["predictions"]["row"]
    assert (len(places), places) == (7, sorted(set(places)))
    right = whole["predictions"]["right"]
    assert found["adapter"]["predictions"]["right"] == pytest.approx([right[place] for place in places], abs=1e-4)


def test_a_base_without_a_tokenizer_is_refused_before_its_weights_are_loaded(world, tmp_path, monkeypatch):
    import transformers

    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).symlink_to(world["base"] / name)
    loaded: list[str] = []
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda *at, **how: loaded.append("!"))
    outcome = evaluate(asked(world | {"base": bare}, CHOICE), say_nothing)
    assert [row["error"]["code"] for row in outcome["results"]] == ["no_tokenizer", "no_tokenizer"]
    assert loaded == []


def test_the_base_is_bit_for_bit_what_it_was(world):
    from workers.evaluation.asked import Asked
    from workers.evaluation.base import Base
    from workers.evaluation.harnesses import Bench
    from workers.evaluation.language_model import CLASS, LanguageModel
    from workers.evaluation.subjects import bits_of

    asked_for = Asked.from_argument(asked(world, CHOICE, limit=5))
    bench = Bench(asked_for, Base(asked_for.base, torch.device("cpu")), lambda share: None)
    model = bench.base.load(CLASS).model
    before, names = bits_of(model), [name for name, _ in model.named_modules()]
    LanguageModel(bench).measure(asked_for.subjects[1])
    assert bits_of(model) == before
    assert [name for name, _ in model.named_modules()] == names
    assert "tie_weights" not in vars(model)
