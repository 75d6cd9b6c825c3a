"""lm_eval's samples as answers: what is kept of each row, and how the metrics follow from the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.intervals import Statistic
from workers.evaluation.language_rows import Prepared

Numbers = NDArray[np.float64]
_DECIMALS = 4  # of a log-likelihood: the last bits depend on the batch and the machine


@dataclass(frozen=True)
class Answers:
    """Columns of predictions, and for each metric how it follows from the rows, for its interval."""

    columns: dict[str, list[Any]]
    statistics: dict[str, Statistic]


def _choices(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> Answers:
    """The likelihood of every choice; the answer is the most likely one, by the set's own metric."""
    likelihoods = [np.array([float(answer[0]) for answer in sample["filtered_resps"]]) for sample in samples]
    targets = [int(sample["target"]) for sample in samples]
    lengths = {"acc_norm": _characters, "acc_bytes": _bytes}.get(prepared.metric)
    answers = []
    for sample, found in zip(samples, likelihoods, strict=True):
        divisors = lengths(sample["doc"]["choices"]) if lengths else 1.0
        answers.append(int(np.argmax(found / divisors)))
    right = {name: _column(samples, name) for name in ("acc", "acc_norm", "acc_bytes")}
    squares = np.array([_brier(found, target) for found, target in zip(likelihoods, targets, strict=True)])
    shown = right.get(prepared.metric, right["acc"])
    return Answers(
        {
            "answer": answers,
            "right": [int(value) for value in shown],
            "loglikelihoods": [[round(float(value), _DECIMALS) for value in found] for found in likelihoods],
        },
        {name: _mean_of(values) for name, values in (right | {"brier_score": squares}).items()},
    )


def _targets(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> Answers:
    """The likelihood of the one answer, and whether greedy decoding would write it."""
    likelihoods, greedy = _first_answers(samples), _column(samples, "acc")
    return Answers(
        {
            "answer": [int(value) for value in greedy],
            "right": [int(value) for value in greedy],
            "loglikelihoods": [round(float(value), _DECIMALS) for value in likelihoods],
        },
        {"acc": _mean_of(greedy), "perplexity": lambda weights: np.exp(-_mean_of(likelihoods)(weights))},
    )


def _rolling(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> Answers:
    """The likelihood of whole texts; what counts as right is the probability of a byte, from 0 to 1."""
    likelihoods = np.array([float(sample["word_perplexity"][0]) for sample in samples])
    words = np.array([float(sample["word_perplexity"][1]) for sample in samples])
    octets = np.array([float(sample["byte_perplexity"][1]) for sample in samples])
    return Answers(
        {
            "answer": [round(float(value), _DECIMALS) for value in likelihoods],
            "right": [round(float(value), _DECIMALS) for value in np.exp(likelihoods / octets)],
            "words": [int(value) for value in words],
            "bytes": [int(value) for value in octets],
        },
        {
            "word_perplexity": lambda weights: np.exp(-(weights @ likelihoods) / (weights @ words)),
            "byte_perplexity": lambda weights: np.exp(-(weights @ likelihoods) / (weights @ octets)),
            "bits_per_byte": lambda weights: -(weights @ likelihoods) / (weights @ octets) / np.log(2),
        },
    )


ANSWERS: Mapping[str, Callable[[Sequence[Mapping[str, Any]], Prepared], Answers]] = {
    "multiple_choice": _choices,
    "loglikelihood": _targets,
    "loglikelihood_rolling": _rolling,
}


def _column(samples: Sequence[Mapping[str, Any]], name: str) -> Numbers:
    return np.array([float(sample[name]) for sample in samples])


def _first_answers(samples: Sequence[Mapping[str, Any]]) -> Numbers:
    return np.array([float(sample["filtered_resps"][0][0]) for sample in samples])


def _mean_of(values: Numbers) -> Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def _brier(likelihoods: Numbers, target: int) -> float:
    shares = np.exp(likelihoods - likelihoods.max())
    shares /= shares.sum()
    shares[target] -= 1.0
    return float(np.square(shares).sum())


def _characters(choices: Sequence[str]) -> Numbers:
    return np.array([float(len(choice)) for choice in choices])


def _bytes(choices: Sequence[str]) -> Numbers:
    return np.array([float(len(choice.encode())) for choice in choices])
