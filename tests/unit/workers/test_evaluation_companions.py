"""A task adapter with a language adapter, without it, and with another: two updates act at once, and come off again."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.small_models import (
    argument,
    files_of,
    make_adapter,
    make_base,
    say_nothing,
    sentences,
    subject,
    write_rows,
)  # fmt: skip

torch = pytest.importorskip("torch", reason="evaluations run on torch")
from safetensors.torch import load_file  # noqa: E402

from kernels.stitch.loading import load_adapter  # noqa: E402
from workers.evaluation.base import Base  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402
from workers.evaluation.subjects import bits_of, wearing  # noqa: E402

CLASS = "AutoModelForSequenceClassification"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, an adapter for a task with its head, two for languages without one, and rows."""
    root = tmp_path_factory.mktemp("companions")
    base = make_base(root / "base")
    made = {name: make_adapter(base, root / name, seed=seed) for name, seed in (("task", 1), ("headed", 4))}
    languages = {
        name: make_adapter(base, root / name, seed=seed, task="FEATURE_EXTRACTION")
        for name, seed in (("german", 2), ("finnish", 3))
    }
    return {"base": base, "test": write_rows(root / "test.jsonl", sentences(30)), **made, **languages}


def joint(world: dict[str, Path], name: str, companion: str | None, **settings: Any) -> dict[str, Any]:
    given = subject(name, world["task"], efficiency=False, **settings)
    return given | {"companion": files_of(world[companion]) if companion else None}


def update_of(folder: Path, module: str) -> Any:
    """Scale x B A of one layer, from the file."""
    tensors = load_file(folder / "adapter_model.safetensors")
    a, b = (next(t for n, t in tensors.items() if f"{module}.lora_{factor}." in n) for factor in ("A", "B"))
    return 8 / 4 * b @ a


@pytest.mark.literature("Impact of Language Adapters")
def test_a_task_adapter_is_scored_with_its_language_adapter_without_it_and_with_another(world):
    subjects = [joint(world, "alone", None), joint(world, "german", "german"), joint(world, "finnish", "finnish")]
    subjects.append(joint(world, "again", None))
    found = {
        row["evaluation_id"]: row
        for row in evaluate(argument(world["base"], world["test"], subjects), say_nothing)["results"]
    }
    assert not [row["error"] for row in found.values() if "error" in row]
    answers = {name: row["predictions"] for name, row in found.items()}
    assert answers["alone"] == answers["again"]
    assert answers["alone"] != answers["german"] != answers["finnish"]


def test_two_adapters_act_as_the_sum_of_their_updates(world):
    base = Base(world["base"], torch.device("cpu"))
    tokens = base.tokenizer(["the film was good", "a very bad book"], return_tensors="pt", padding=True)
    model = base.load(CLASS, 2).model
    before = bits_of(model)
    with torch.no_grad(), wearing(model, world["task"], world["german"]) as worn:
        together = worn(**tokens).logits
    assert bits_of(model) == before
    with torch.no_grad():
        worn = load_adapter(Base(world["base"], torch.device("cpu")).load(CLASS, 2).model, world["task"])
        alone = worn(**tokens).logits
        for name, module in worn.named_modules():
            if name.endswith((".query", ".value")):
                module.base_layer.weight += update_of(world["german"], name.split("base_model.model.bert.", 1)[1])
        by_hand = worn(**tokens).logits
    assert torch.allclose(together, by_hand, atol=1e-5)
    assert not torch.allclose(together, alone, atol=1e-3)


def test_the_base_comes_back_and_the_next_subject_has_no_companion(world):
    base = Base(world["base"], torch.device("cpu"))
    model = base.load(CLASS, 2).model
    names = [name for name, _ in model.named_modules()]
    with wearing(model, world["task"], world["german"]):
        pass
    assert [name for name, _ in model.named_modules()] == names


def test_cost_is_measured_with_both_of_them(world):
    given = subject("both", world["task"]) | {"companion": files_of(world["german"])}
    [row] = evaluate(argument(world["base"], world["test"], [given]), say_nothing)["results"]
    assert row["efficiency"]["milliseconds_per_row_merged"] > 0


def test_what_cannot_be_added_is_refused_and_the_others_are_measured(world, tmp_path):
    from peft import IA3Config, LoraConfig

    low_rank = {"r": 4, "target_modules": ["query"]}
    configs = {
        "dora": LoraConfig(task_type="FEATURE_EXTRACTION", use_dora=True, **low_rank),
        "ia3": IA3Config(target_modules=["query"], feedforward_modules=[]),
    }
    others = {
        name: make_adapter(world["base"], tmp_path / name, seed=5, task="FEATURE_EXTRACTION", config=config)
        for name, config in configs.items()
    }
    subjects = [joint(world | others, name, name) for name in (*others, "headed")] + [joint(world, "alone", None)]
    *refused, alone = evaluate(argument(world["base"], world["test"], subjects), say_nothing)["results"]
    assert [row["error"]["code"] for row in refused] == ["companion_does_not_fit"] * 3
    assert "error" not in alone
