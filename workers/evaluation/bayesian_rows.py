"""What a Bayesianised adapter is asked: rows with one right answer among several, to search on and to measure on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import Asked, AskedSet, Subject
from workers.evaluation.base import Base
from workers.evaluation.errors import Refused
from workers.evaluation.labels import label_indices, label_positions, labels_of
from workers.evaluation.passing import Pass, make_pass
from workers.evaluation.reading import read_table
from workers.evaluation.subjects import wearing
from workers.evaluation.texts import Texts

HARNESSES = ("sequence_classification", "language_model")


class Predictor(Protocol):
    """Rows of the splits ``anchor`` and ``test``, and what a model says of them."""

    def on(self, folder: Path) -> Any:
        """A context with the base model wearing the adapter in ``folder``."""

    def probabilities(self, split: str) -> torch.Tensor:
        """Of every answer, (rows, answers) float64, by the model of :meth:`on` as it is now."""

    def truth(self, split: str) -> torch.Tensor:
        """The right answers, (rows,)."""

    def as_used(self) -> dict[str, Any]:
        """How the rows were run."""


def predictor_of(asked: Asked, base: Base, subject: Subject, anchor_rows: int) -> Predictor:
    """The predictor of the set's harness; reads the rows. Raises Refused ``harness_mismatch``, or as reading does."""
    anchor = anchor_split(asked.set)
    if asked.set.harness == "sequence_classification":
        return Classifying(asked, base, subject, anchor, anchor_rows)
    if (
        asked.set.harness == "language_model"
        and asked.set.options.get("output_type", "multiple_choice") == "multiple_choice"
    ):
        return Choosing(asked, base, subject, anchor, anchor_rows)
    raise Refused(
        "harness_mismatch",
        f"what is searched needs one right answer among several; this set is for {asked.set.harness}",
        "Use a set of sequence classification, or of multiple choice.",
    )


def anchor_split(asked: AskedSet) -> str:
    """``anchor``, else ``train``. Raises Refused ``anchor_missing``."""
    for split in ("anchor", "train"):
        if split in asked.files:
            return split
    raise Refused("anchor_missing", "the set has no split 'anchor' or 'train' to search on")


class Classifying:
    """The labels of texts, by the adapter's head."""

    def __init__(self, asked: Asked, base: Base, subject: Subject, anchor: str, anchor_rows: int) -> None:
        self._base, self._subject, self._anchor = base, subject, anchor
        columns = asked.set.columns
        self._parts = ("text", "text_pair") if "text_pair" in columns else ("text",)
        limits = {"anchor": (anchor, anchor_rows), "test": ("test", subject.settings.limit)}
        self._tables = {
            name: read_table(asked.set.files[split], split, columns, (*self._parts, "label")).sample(
                limit, subject.settings.seed
            )
            for name, (split, limit) in limits.items()
        }
        self._labels = labels_of(asked.set.labels, [table.column("label") for table in self._tables.values()])
        self._texts = Texts(base)
        self._truth = {
            name: torch.from_numpy(label_indices(table.column("label"), self._labels, table.split))
            for name, table in self._tables.items()
        }

    @contextmanager
    def on(self, folder: Path) -> Iterator[Any]:
        adapter = AdapterFolder.read(folder)
        if adapter.head_rows is None:
            raise Refused("no_head", "the adapter has no classification head", "A probe's calibration is not its own.")
        self._positions, self._order = label_positions(adapter.label_names(), adapter.head_rows, self._labels)
        loaded = self._base.load("AutoModelForSequenceClassification", adapter.head_rows)
        with wearing(loaded.model, folder) as model:
            self._model = model
            self._passes: dict[str, Pass] = {
                name: make_pass(
                    self._texts,
                    name,
                    [table.column(part) for part in self._parts],
                    settings=self._subject.settings,
                    adapter=adapter,
                    model=model,
                )
                for name, table in self._tables.items()
            }
            yield model

    def probabilities(self, split: str) -> torch.Tensor:
        logits = torch.stack(self._passes[split].run(lambda batch: self._model(**batch).logits)).double()
        return logits[:, self._positions].softmax(dim=1)

    def truth(self, split: str) -> torch.Tensor:
        return self._truth[split]

    def as_used(self) -> dict[str, Any]:
        rows = {f"{name}_rows": len(table) for name, table in self._tables.items()}
        return self._passes["test"].as_used() | rows | {"anchor_split": self._anchor, "label_order": self._order}


class Choosing:
    """The choices of questions, by their likelihood through lm_eval."""

    def __init__(self, asked: Asked, base: Base, subject: Subject, anchor: str, anchor_rows: int) -> None:
        from workers.evaluation.language_model import kind_of
        from workers.evaluation.language_rows import prepare

        self._base, self._subject, self._anchor = base, subject, anchor
        kind, seed = kind_of(asked.set), subject.settings.seed
        files = asked.set.files
        self._rows = {
            "anchor": prepare(_with_test(asked.set, files, anchor), kind).sample(anchor_rows, seed),
            "test": prepare(asked.set, kind).sample(subject.settings.limit, seed),
        }
        self._texts = Texts(base)
        self._used: dict[str, Any] = {}

    @contextmanager
    def on(self, folder: Path) -> Iterator[Any]:
        from workers.evaluation.language_model import CLASS

        adapter = AdapterFolder.read(folder)
        if adapter.class_name != CLASS:
            raise Refused("harness_mismatch", f"the adapter was made on {adapter.class_name}, the set asks for {CLASS}")
        with wearing(self._base.load_writer(CLASS), folder) as model:
            self._model, self._tokenizer = model, self._texts.tokenizer(adapter.tokenizer_folder)[0]
            yield model

    def probabilities(self, split: str) -> torch.Tensor:
        from workers.evaluation.language_model import choice_likelihoods

        rows, self._used = choice_likelihoods(self._model, self._tokenizer, self._rows[split], self._subject.settings)
        most = max(len(row) for row in rows)
        padded = torch.tensor([row + [float("-inf")] * (most - len(row)) for row in rows], dtype=torch.float64)
        return padded.softmax(dim=1)

    def truth(self, split: str) -> torch.Tensor:
        return torch.tensor([row["target"] for row in self._rows[split].rows])

    def as_used(self) -> dict[str, Any]:
        rows = {f"{name}_rows": len(prepared.rows) for name, prepared in self._rows.items()}
        return self._used | rows | {"anchor_split": self._anchor}


def _with_test(asked: AskedSet, files: Mapping[str, Path], split: str) -> AskedSet:
    from dataclasses import replace

    return replace(asked, files={**files, "test": files[split]})
