"""What the tests of training share: a small base model, members trained on it in a second, and arguments."""

import json
import random
from pathlib import Path
from typing import Any

from tests.unit.workers.small_models import BLAME, LABELS, PRAISE, files_of, write_rows


def train_member(base: Path, folder: Path, *, seed: int, steps: int = 24, **config: Any) -> Path:
    """A LoRA with a head that has learnt to tell praise from blame on rows of its own."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    # More threads cost more than they bring in a model of this size.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2, local_files_only=True).eval()
    options = {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value", "dense"], **config}
    model = get_peft_model(plain, LoraConfig(task_type="SEQ_CLS", **options)).eval()
    rows = short_sentences(64, seed=seed)
    optimizer = torch.optim.AdamW((each for each in model.parameters() if each.requires_grad), lr=2e-2)
    for step in range(steps):
        batch = rows[16 * (step % 4) : 16 * (step % 4) + 16]
        inputs = tokenizer([row["text"] for row in batch], padding=True, return_tensors="pt")
        model(**inputs, labels=torch.tensor([LABELS.index(row["label"]) for row in batch])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def short_sentences(count: int, *, seed: int) -> list[dict[str, Any]]:
    """Texts of a few words, one of praise or blame among them: learnt in a second."""
    drawn = random.Random(seed)
    rows = []
    for number in range(count):
        word = drawn.choice(PRAISE if number % 2 else BLAME)
        said = [drawn.choice(["the", "a"]), drawn.choice(["film", "book", "song"]), drawn.choice(["was", "is"])]
        rows.append({"text": " ".join([*said, *drawn.choice([[], ["very"]]), word]), "label": LABELS[number % 2]})
    return rows


def rows_argument(folder: Path, *, train: int = 96, test: int = 60) -> dict[str, Any]:
    """A set of sentences as a job gets it."""
    files = {
        "train": write_rows(folder / "train.jsonl", short_sentences(train, seed=101)),
        "test": write_rows(folder / "test.jsonl", short_sentences(test, seed=102)),
    }
    return {
        "harness": "sequence_classification",
        "labels": LABELS,
        "columns": {"text": "text", "label": "label"},
        "template": "",
        "options": {},
        "metric": "accuracy",
        "files": {split: str(path) for split, path in files.items()},
    }


ADAPT_SETTINGS = {
    "rank": 4,
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "coefficient_learning_rate": 2e-2,
    "seed": 0,
    "limit": None,
    "max_tokens": None,
    "components": 6,
    "energy": None,
    "is_centred": False,
    "directions": 0,
    "split": "train",
}
TRANSFER_SETTINGS = {
    "rank": 4,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 3e-3,
    "seed": 0,
    "limit": None,
    "max_tokens": None,
    "temperature": 2.0,
    "held_out": 0.2,
    "target_modules": ["query", "value", "dense"],
    "split": "train",
}


def adapt_argument(
    base: Path, members: list[Path], rows: dict[str, Any], room: Path, **settings: Any
) -> dict[str, Any]:
    """The argument of :func:`workers.training.adapt.adapt`."""
    return {
        "title": "lab/new",
        "base": {"path": str(base)},
        "base_id": "tiny/bert",
        "set": rows,
        "set_name": "lab/mood@1",
        "basis": None,
        "members": [files_of(member) for member in members],
        "parents": [f"lab/a{place}@1.0.0" for place in range(len(members))],
        "settings": ADAPT_SETTINGS | settings,
        "threads": 1,
        "device": "cpu",
        **folders(room),
    }


def transfer_argument(
    old: Path, new: Path, source: Path, rows: dict[str, Any], room: Path, *, on: dict[str, Any] | None, **settings: Any
) -> dict[str, Any]:
    """The argument of :func:`workers.training.transfer.transfer`."""
    return {
        "title": "lab/moved",
        "old_base": {"path": str(old)},
        "old_base_id": "tiny/bert",
        "base": {"path": str(new)},
        "base_id": "tiny/other",
        "source": files_of(source),
        "texts": rows,
        "text_name": "lab/mood@1",
        "set": on,
        "parents": ["lab/a0@1.0.0"],
        "settings": TRANSFER_SETTINGS | settings,
        "threads": 1,
        "device": "cpu",
        **folders(room),
    }


def folders(room: Path) -> dict[str, str]:
    """Where a child writes."""
    for name in ("made", "scratch"):
        (room / name).mkdir(parents=True)
    return {"out": str(room / "made"), "scratch": str(room / "scratch")}


def sides_of(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of a comparison by their name."""
    return {side["name"]: side for side in report["sides"]}


def config_of(folder: Path) -> dict[str, Any]:
    """The adapter_config.json of a folder."""
    return dict(json.loads((folder / "adapter_config.json").read_text()))
