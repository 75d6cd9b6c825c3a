"""How close generated texts come to their references: exact match here, chrF and BLEU from sacrebleu."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from workers.evaluation.intervals import RESAMPLES, intervals
from workers.evaluation.metrics import metric

METRICS = ("exact_match", "chrf", "bleu")


def text_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]], own: str, seed: int
) -> tuple[dict[str, dict[str, Any]], list[float]]:
    """All metrics of the whole set, exact match from 0 to 1 and the others from 0 to 100; and how right each row is.

    What counts as right is the set's ``own`` metric of the row alone, from 0 to 1; equal but for white space around is
    an exact match. The intervals of chrF and BLEU are sacrebleu's own bootstrap.
    """
    from sacrebleu.metrics import BLEU, CHRF

    exact = [
        float(any(answer.strip() == one.strip() for one in row))
        for answer, row in zip(answers, references, strict=True)
    ]
    hits = np.array(exact)
    bounds = intervals({"exact_match": lambda weights: weights @ hits / len(hits)}, len(hits), seed)
    found = {"exact_match": metric(hits.mean(), bounds["exact_match"], "exact_match")}
    columns = _columns(references)
    with _seeded(seed):
        for name, scorer in (("chrf", CHRF()), ("bleu", BLEU())):
            found[name] = _corpus(scorer, answers, columns, name)
    if own == "exact_match":
        return found, exact
    single = CHRF() if own == "chrf" else BLEU(effective_order=True)
    return found, [
        single.sentence_score(answer, list(row)).score / 100 for answer, row in zip(answers, references, strict=True)
    ]


def _corpus(scorer: Any, answers: Sequence[str], columns: list[list[str | None]], name: str) -> dict[str, Any]:
    _give_floats(scorer)
    value = scorer.corpus_score(list(answers), columns).score
    if len(answers) == 1:
        # One row has nothing to resample.
        return metric(value, (value, value), name)
    resampled = scorer.corpus_score(list(answers), columns, n_bootstrap=RESAMPLES)
    low, high = resampled._mean - resampled._ci, resampled._mean + resampled._ci
    return metric(value, (max(0.0, low), min(100.0, high)), name)


def _give_floats(scorer: Any) -> None:
    """Resamples without a match score a Python 0.0, others numpy's float32, and sacrebleu cannot average the two."""
    compute = scorer._compute_score_from_stats

    def computed(stats: Any) -> Any:
        found = compute(stats)
        found.score = float(found.score)
        return found

    scorer._compute_score_from_stats = computed


def _columns(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References as sacrebleu takes them: the first of every row, the second of every row, ..."""
    most = max(len(row) for row in references)
    return [[row[place] if place < len(row) else None for row in references] for place in range(most)]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """sacrebleu takes the seed of its bootstrap from the environment."""
    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
