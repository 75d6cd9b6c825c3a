"""The job ``bayesianise`` in its child: an overconfident adapter becomes honest, and nothing of it is changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="evaluations run on torch")

from tests.unit.workers.small_models import (  # noqa: E402
    LABELS,
    argument,
    make_adapter,
    make_base,
    say_nothing,
    sentences,
    subject,
    write_rows,
)
from workers.evaluation.bayesian import NoisyAdapter, bayesianise  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402

USUAL = {"samples": 6, "tolerance": 0.05, "measure": "accuracy", "anchor_rows": 60}


def noisy(count: int, seed: int, share: float = 0.25) -> list[dict[str, Any]]:
    """Sentences, a share of them with the wrong label: nobody can be certain of an answer."""
    drawn = random.Random(seed)
    rows = sentences(count, seed=seed)
    for row in rows:
        if drawn.random() < share:
            row["label"] = LABELS[1 - LABELS.index(row["label"])]
    return rows


def overfit(base: Path, folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A LoRA with a head that has learned its wrong labels by heart."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(3)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    config = LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=16, target_modules=["query", "value", "dense"],
                        exclude_modules=["pooler.dense"])  # fmt: skip
    worn = get_peft_model(model, config)
    optimiser = torch.optim.AdamW([tensor for tensor in worn.parameters() if tensor.requires_grad], lr=1e-2)
    batch = tokenizer([row["text"] for row in rows], padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(row["label"]) for row in rows])
    worn.train()
    for _ in range(80):
        optimiser.zero_grad()
        worn(**batch, labels=labels).loss.backward()
        optimiser.step()
    worn.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("uncertainty")
    base, rows = make_base(root / "base"), noisy(60, 1)
    made = {
        "base": base,
        "adapter": overfit(base, root / "adapter", rows),
        "train": write_rows(root / "train", rows),
        "test": write_rows(root / "test", noisy(200, 2)),
    }
    torch.set_num_threads(before)
    return made


def asked(world: dict[str, Path], folder: Path | None = None, **uncertainty: Any) -> dict[str, Any]:
    plain = argument(
        world["base"], world["test"], [subject("u", folder or world["adapter"])], splits={"train": world["train"]}
    )
    return plain | {"uncertainty": USUAL | uncertainty}


@pytest.mark.literature("TFB (Training-Free Bayesianization)")
def test_an_overconfident_adapter_becomes_better_calibrated_and_loses_no_more_than_was_allowed(world):
    said = bayesianise(asked(world), say_nothing)["result"]
    used = said["used"]
    assert said["sigma"] > 0
    assert used["anchor_before"]["accuracy"] - used["anchor_after"]["accuracy"] <= 0.05
    assert said["after"]["ece"] < said["before"]["ece"]
    assert said["after"]["nll"] < said["before"]["nll"]
    assert (used["anchor_split"], used["anchor_rows"], used["test_rows"]) == ("train", 60, 200)


def test_before_is_what_an_evaluation_of_the_adapter_measures(world):
    said = bayesianise(asked(world), say_nothing)["result"]
    measured = evaluate(asked(world), say_nothing)["results"][0]["metrics"]
    assert said["before"]["accuracy"] == pytest.approx(measured["accuracy"]["value"])
    assert said["before"]["ece"] == pytest.approx(measured["calibration_error"]["value"], abs=1e-6)
    assert said["before"]["nll"] == pytest.approx(measured["log_loss"]["value"], abs=1e-6)


def test_the_same_seed_gives_the_same_number_again(world):
    first, again = (bayesianise(asked(world, samples=3), say_nothing)["result"] for _ in range(2))
    assert (first["sigma"], first["before"], first["after"]) == (again["sigma"], again["before"], again["after"])


def test_more_is_allowed_more_noise_is_found(world):
    strict, lax = (
        bayesianise(asked(world, measure="nll", tolerance=tolerance, samples=4), say_nothing)["result"]
        for tolerance in (0.01, 0.5)
    )
    assert strict["sigma"] < lax["sigma"]
    assert lax["used"]["anchor_after"]["nll"] - lax["used"]["anchor_before"]["nll"] <= 0.5


def test_the_adapter_itself_comes_back_bit_for_bit(world):
    from transformers import AutoModelForSequenceClassification

    from kernels.stitch.loading import load_adapter
    from workers.evaluation.subjects import bits_of

    model = load_adapter(AutoModelForSequenceClassification.from_pretrained(world["base"]), world["adapter"])
    before = bits_of(model)
    changed = NoisyAdapter(model, seed=0)
    with changed.at(0.3, 2):
        inside = bits_of(model)
    assert bits_of(model) == before
    moved = {name for name in before if inside[name] != before[name]}
    assert len(moved) == changed.modules
    assert all(".lora_A." in name for name in moved)


@pytest.mark.slow
def test_questions_of_multiple_choice_are_calibrated_through_lm_eval(tmp_path):
    pytest.importorskip("lm_eval", reason="requirements/lm.txt is not installed")
    from tests.unit.workers.tiny_language_model import adapt, build, questions

    base = build(tmp_path / "base")
    said = argument(
        base,
        write_rows(tmp_path / "test", questions(40, 9)),
        [subject("u", adapt(base, tmp_path / "adapter"))],
        splits={"train": write_rows(tmp_path / "train", questions(20, 8))},
        harness="language_model",
        labels=[],
        metric="acc",
        options={"doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices"},
    )
    found = bayesianise(said | {"uncertainty": USUAL | {"samples": 1, "tolerance": 0.3}}, say_nothing)["result"]
    assert found["sigma"] > 0
    assert 0 <= found["after"]["ece"] <= 1
    assert found["used"]["anchor_rows"] == 20


@pytest.mark.parametrize("what", ["no head", "no anchor", "not a LoRA", "another harness"])
def test_what_cannot_be_bayesianised_is_refused(world, tmp_path, what):
    from peft import IA3Config

    given = asked(world)
    if what == "no head":
        given = asked(world, make_adapter(world["base"], tmp_path / "a", seed=0, task="FEATURE_EXTRACTION"))
    elif what == "no anchor":
        del given["set"]["files"]["train"]
    elif what == "not a LoRA":
        config = IA3Config(task_type="SEQ_CLS", target_modules=["key"], feedforward_modules=[])
        given = asked(world, make_adapter(world["base"], tmp_path / "a", seed=0, config=config))
    else:
        given["set"]["harness"] = "embeddings"
    code = {"no head": "no_head", "no anchor": "anchor_missing", "not a LoRA": "not_low_rank"}
    error = bayesianise(given, say_nothing)["error"]
    assert error["code"] == code.get(what, "harness_mismatch")
