"""LoraHub in the child of a merge: weights are found on labelled rows, and the loss is that of what is written."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="weights are searched on torch")

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
from workers.derivations.merging import merge  # noqa: E402
from workers.evaluation.errors import Refused  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402

RECIPE: dict[str, Any] = {
    "method": "cat",
    "weights": [1.0, 1.0],
    "seed": 0,
    "dtype": "float32",
    "heads": "lab/trained@1.0.0",
    "search": {"rows": 40, "budget": 16, "bound": 1.5, "l1_penalty": 0.05},
}


def train(base: Path, folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A LoRA with a head that has learned ``rows`` by heart."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(3)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    worn = get_peft_model(plain, LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=16, target_modules=["query", "value"]))
    optimiser = torch.optim.AdamW([tensor for tensor in worn.parameters() if tensor.requires_grad], lr=3e-2)
    batch = AutoTokenizer.from_pretrained(base)([row["text"] for row in rows], padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(row["label"]) for row in rows])
    for _ in range(50):
        optimiser.zero_grad()
        worn(**batch, labels=labels).loss.backward()
        optimiser.step()
    worn.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small base, an adapter that knows its task, one of random numbers, and rows."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("search")
    base, rows = make_base(root / "base"), sentences(40, seed=1)
    made = {
        "base": base,
        "trained": train(base, root / "trained", rows),
        "drawn": make_adapter(base, root / "drawn", seed=5),
        "train": write_rows(root / "train", rows),
        "test": write_rows(root / "test", sentences(40, seed=2)),
    }
    torch.set_num_threads(before)
    return made


def asked(world: dict[str, Path], out: Path, **recipe: Any) -> dict[str, Any]:
    """The argument of a merge of the random adapter and the trained one."""
    parents = [
        {
            "name": f"lab/{name}@1.0.0",
            "commit_id": "c" * 40,
            "files": {path.name: str(path) for path in world[name].iterdir() if path.is_file()},
        }
        for name in ("drawn", "trained")
    ]
    (out / "scratch").mkdir(parents=True)
    rows = argument(world["base"], world["test"], [], splits={"train": world["train"]})
    return rows | {
        "kind": "merge",
        "base": {"name": "tiny/bert", "path": str(world["base"])},
        "parents": parents,
        "recipe": RECIPE | recipe,
        "out": str(out / "made"),
        "scratch": str(out / "scratch"),
        "threads": 1,
    }


def test_the_adapter_that_helps_gets_the_weight_and_the_loss_is_that_of_the_file(world, tmp_path):
    said = merge(asked(world, tmp_path), say_nothing)
    found = said["report"]["search"]
    noise, trained = said["weights"]
    assert trained > abs(noise)
    assert found["loss"] < 0.5 * found["loss_of_base"]
    assert (found["tried"], found["rows"], found["split"]) == (16, 40, "train")
    measured = evaluate(argument(world["base"], world["train"], [subject("made", tmp_path / "made")]), say_nothing)
    assert measured["results"][0]["metrics"]["log_loss"]["value"] == pytest.approx(found["loss"], abs=1e-4)


def test_the_same_seed_finds_the_same_weights_and_writes_the_same_bytes(world, tmp_path):
    first, again = (merge(asked(world, tmp_path / place), say_nothing) for place in ("first", "again"))
    assert first["weights"] == again["weights"]
    files = [tmp_path / place / "made" / "adapter_model.safetensors" for place in ("first", "again")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_nothing_better_than_the_base_model_is_no_merge(world, tmp_path):
    search = {"rows": 40, "budget": 1, "bound": 1.5, "l1_penalty": 0.05}
    with pytest.raises(Refused, match="better than the base") as refused:
        merge(asked(world, tmp_path, search=search), say_nothing)
    assert refused.value.code == "changes_nothing"
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_questions_of_multiple_choice_are_searched_without_a_head(tmp_path):
    pytest.importorskip("lm_eval", reason="requirements/lm.txt is not installed")
    from tests.unit.workers.tiny_language_model import adapt, build, questions

    base = build(tmp_path / "base")
    learned = adapt(base, tmp_path / "learned")
    world = {
        "base": base,
        "drawn": learned,
        "trained": learned,
        "train": write_rows(tmp_path / "train", questions(20, 8)),
        "test": write_rows(tmp_path / "test", questions(10, 9)),
    }
    given = asked(world, tmp_path / "made", heads="", search={"rows": 20, "budget": 6, "bound": 1.5, "l1_penalty": 0})
    options = {"doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices"}
    given["set"] |= {"harness": "language_model", "labels": [], "metric": "acc", "options": options}
    said = merge(given, say_nothing)
    assert said["report"]["search"]["loss"] < said["report"]["search"]["loss_of_base"]
    assert said["report"]["heads"] == []
