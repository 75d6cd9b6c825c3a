"""Sequence classification: one label for each text or pair of texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import Subject
from workers.evaluation.batching import Forward
from workers.evaluation.classifier import Classifier, Metrics, Truths
from workers.evaluation.features import mean_features
from workers.evaluation.harnesses import rounded
from workers.evaluation.heads import Indices, Numbers
from workers.evaluation.labels import label_indices
from workers.evaluation.metrics import CLASSIFICATION, classification_metrics
from workers.evaluation.passing import Pass, make_pass
from workers.evaluation.reading import Table


class SequenceClassification(Classifier):
    """Columns: ``text``, ``label``, and ``text_pair`` where one is named.

    Predictions: ``answer`` (the label's name), ``right``, ``confidence`` (its probability) and ``likelihood`` (the
    probability of the row's own label).
    """

    class_name = "AutoModelForSequenceClassification"
    metrics = CLASSIFICATION

    def _parts(self, columns: Mapping[str, str]) -> tuple[str, ...]:
        self._text_parts = ("text", "text_pair") if "text_pair" in columns else ("text",)
        return (*self._text_parts, "label")

    def _named(self, table: Table) -> list[Any]:
        return table.column("label")

    def _truth_of(self, table: Table) -> Indices:
        return label_indices(table.column("label"), self._labels, table.split)

    def _make_pass(self, name: str, table: Table, subject: Subject, adapter: AdapterFolder | None, model: Any) -> Pass:
        columns = [table.column(part) for part in self._text_parts]
        return make_pass(self._texts, name, columns, settings=subject.settings, adapter=adapter, model=model)

    def _of_head(self, model: Any) -> Forward:
        return lambda batch: model(**batch).logits

    def _of_body(self, model: Any) -> Forward:
        return mean_features(model)

    def _units(self, run: Pass, given: list[torch.Tensor]) -> tuple[Numbers, Truths]:
        return torch.stack(given).double().numpy(), np.ones(len(given), dtype=np.bool_)

    def _score(
        self, table: Table, truth: Indices, probabilities: Numbers, seed: int
    ) -> tuple[Metrics, dict[str, list[Any]]]:
        answers = probabilities.argmax(axis=1)
        rows = np.arange(len(truth))
        return classification_metrics(truth, probabilities, seed), {
            "answer": [self._labels[answer] for answer in answers],
            "right": [int(is_right) for is_right in answers == truth],
            "confidence": rounded(probabilities[rows, answers]),
            "likelihood": rounded(probabilities[rows, truth]),
        }
