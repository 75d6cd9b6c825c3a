"""Token classification: one label for each word, by its first sub-word; the others have no say and no score."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import Subject
from workers.evaluation.batching import Forward
from workers.evaluation.classifier import Classifier, Metrics, Truths
from workers.evaluation.errors import Refused
from workers.evaluation.features import real_tokens, token_features
from workers.evaluation.heads import Indices, Numbers
from workers.evaluation.intervals import Statistic, Weights, intervals
from workers.evaluation.labels import label_indices
from workers.evaluation.metrics import CLASSIFICATION, classification_metrics, divided, metric
from workers.evaluation.passing import Pass, make_pass
from workers.evaluation.reading import Table
from workers.evaluation.spans import spans_of

SPANS = ("f1", "precision", "recall")


class TokenClassification(Classifier):
    """Columns: ``tokens`` and ``tags``, lists of the same length (in CSV: words with spaces between).

    ``f1``, ``precision`` and ``recall`` count whole spans over BIO tags; the other metrics count words. A word that was
    cut off counts as outside of every span. Intervals are over rows. Predictions: ``answer`` (a row's tags) and
    ``right`` (all of them).
    """

    class_name = "AutoModelForTokenClassification"
    metrics = (*SPANS, *CLASSIFICATION)

    def _parts(self, columns: Mapping[str, str]) -> tuple[str, ...]:
        return ("tokens", "tags")

    def _named(self, table: Table) -> list[Any]:
        return [tag for tags in table.column("tags") for tag in words_of(tags)]

    def _truth_of(self, table: Table) -> Indices:
        for number, row in enumerate(table.rows):
            words, tags = len(words_of(row["tokens"])), len(words_of(row["tags"]))
            if words != tags or not words:
                detail = f"row {number} of split {table.split!r} has {words} tokens and {tags} tags"
                raise Refused("rows_malformed", detail, "Every token needs one tag.")
        return label_indices(self._named(table), self._labels, table.split)

    def _make_pass(self, name: str, table: Table, subject: Subject, adapter: AdapterFolder | None, model: Any) -> Pass:
        words = [[str(word) for word in words_of(tokens)] for tokens in table.column("tokens")]
        options = {"settings": subject.settings, "adapter": adapter, "model": model}
        return make_pass(self._texts, name, [words], are_words=True, **options)

    def _of_head(self, model: Any) -> Forward:
        def forward(batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
            mask = batch["attention_mask"]
            return real_tokens(model(**batch).logits[:, -mask.shape[1] :], mask)

        return forward

    def _of_body(self, model: Any) -> Forward:
        return token_features(model)

    def _units(self, run: Pass, given: list[torch.Tensor]) -> tuple[Numbers, Truths]:
        kept = [row[[place for place in places if place >= 0]] for row, places in zip(given, run.firsts, strict=True)]
        is_read = np.array([place >= 0 for places in run.firsts for place in places], dtype=np.bool_)
        return torch.cat(kept).double().numpy(), is_read

    def _score(
        self, table: Table, truth: Indices, probabilities: Numbers, seed: int
    ) -> tuple[Metrics, dict[str, list[Any]]]:
        is_cut = probabilities.sum(axis=1) == 0
        outside = self._labels.index("O") if "O" in self._labels else 0
        probabilities = probabilities.copy()
        probabilities[is_cut, outside] = 1.0
        lengths = [len(words_of(tokens)) for tokens in table.column("tokens")]
        row_of_word = np.repeat(np.arange(len(lengths)), lengths)
        ends = np.cumsum([0, *lengths])
        answers = [self._labels[answer] for answer in probabilities.argmax(axis=1)]
        wanted = [self._labels[label] for label in truth]
        rows = [(answers[start:end], wanted[start:end]) for start, end in pairwise(ends)]
        metrics = classification_metrics(truth, probabilities, seed, group_of=row_of_word)
        return metrics | span_metrics(rows, seed), {
            "answer": [answered for answered, _ in rows],
            "right": [int(answered == right) for answered, right in rows],
        }


def words_of(value: Any) -> list[Any]:
    """A list as it is, or the words of a text."""
    return value if isinstance(value, list) else str(value).split()


def span_metrics(rows: Sequence[tuple[Sequence[str], Sequence[str]]], seed: int) -> Metrics:
    """Precision, recall and F1 of whole spans; each row is the tags answered and the tags wanted."""
    found = [(spans_of(answered), spans_of(wanted)) for answered, wanted in rows]
    hits = np.array([len(answered & wanted) for answered, wanted in found], dtype=np.float64)
    answered = np.array([len(spans) for spans, _ in found], dtype=np.float64)
    wanted = np.array([len(spans) for _, spans in found], dtype=np.float64)

    def f1(weights: Weights) -> Numbers:
        return divided(2 * (weights @ hits), weights @ answered + weights @ wanted)

    resampled: dict[str, Statistic] = {
        "f1": f1,
        "precision": lambda weights: divided(weights @ hits, weights @ answered),
        "recall": lambda weights: divided(weights @ hits, weights @ wanted),
    }
    bounds = intervals(resampled, len(rows), seed)
    once = np.ones((1, len(rows)))
    return {name: metric(statistic(once)[0], bounds[name], name) for name, statistic in resampled.items()}
