"""A hub in which much was measured: versions on an open set, a hidden one and one where less is better."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.models import Revision
from catalog.evaluations.models import Evaluation, SetRevision
from tests.unit.catalog.measuring import make_set, measure

ROWS = [{"text": f"film {at} is as long as it has to be", "label": "positive"} for at in range(40)]
COSTS: dict[str, Any] = {
    "parameters": 294912,
    "bytes": 1181000,
    "load_seconds": 0.0123,
    "peak_memory_bytes": 412_000_000,
    "milliseconds_per_row": 4.4,
    "milliseconds_per_row_merged": 4.02,
    "milliseconds_per_row_base": 4.0,
    "rows_per_second": 230.5,
}
CLAIM = {"name": "x", "results": [{"dataset": {"name": "films"}, "metrics": [{"type": "accuracy", "value": 0.987}]}]}


def right(share: float, shift: int = 0) -> list[float]:
    """Forty rows of which this share is right, beginning somewhere else for each adapter."""
    return [float((at + shift) % 40 < share * 40) for at in range(40)]


@dataclass
class Measured:
    """What the tests speak of."""

    films: SetRevision
    exam: SetRevision
    first: Evaluation
    second: Evaluation
    alone: Evaluation
    hidden: Evaluation
    pending: Revision
    failed: Evaluation
    waiting: Evaluation


@pytest.fixture
def measured(catalog: Any, settings: Any, tmp_path: Path) -> Measured:
    """``team/sentiment`` 1.0.0 and 1.1.0, a pending 1.2.0, and two neighbours, with scores."""
    settings.HUB_STORAGE_URL = str(tmp_path / "store")
    films = make_set(catalog.team, rows=ROWS)
    exam = make_set(catalog.team, "exam", rows=ROWS, is_hidden=True)
    prose = make_set(catalog.team, "prose", metric="perplexity", harness="language_model", task="text-generation")
    push, owner, writer = catalog.push, catalog.owner, catalog.writer
    heads = [{"module": "classifier", "tensors": {"weight": [2, 64]}}]
    given: dict[str, Any] = {
        "facts": {"heads": heads},
        "task": "text-classification",
        "claims": {"card": {"model-index": [CLAIM]}},
    }
    one = push(writer, "team/sentiment", "1.0.0", approve=owner, **given)
    two = push(writer, "team/sentiment", "1.1.0", approve=owner, **given)
    neighbour = push(writer, "team/reviews", "0.1.0", approve=owner, task="text-classification")
    gap = push(writer, "team/w" + "w" * 60, "1.0.0", approve=owner, task="summarization")
    pending = push(writer, "team/sentiment", "1.2.0", **given)
    alone = measure(None, films, right(0.5), base=catalog.base, cause="baseline", settings={"with_probe": True})
    first = measure(one, films, right(0.8), answers=["negative"] * 40, efficiency=COSTS, days_ago=3)
    second = measure(two, films, right(0.85, 3), answers=["positive"] * 40, efficiency=COSTS, requested_by=owner)
    hidden = measure(one, exam, right(0.7))
    measure(two, exam, right(0.75, 2))
    measure(neighbour, films, right(0.6), efficiency=COSTS | {"milliseconds_per_row_merged": None, "parameters": 1024})
    measure(gap, prose, [], score=12.5, low=12.1, high=13.0, higher_is_better=False)
    measure(pending, films, right(0.7))
    common = {"revision": two, "base_model": catalog.base}
    refusal = {"code": "labels_do_not_fit", "detail": "the head has 3 rows, the set 2 labels", "hint": "Another set."}
    failed = Evaluation.objects.create(**common, set_revision=prose, state="failed", error=refusal)
    waiting = Evaluation.objects.create(**common, set_revision=films, requested_by=owner)
    return Measured(films, exam, first, second, alone, hidden, pending, failed, waiting)
