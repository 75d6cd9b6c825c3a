"""How well relevant documents are ranked, query by query."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
RETRIEVAL = (
    "ndcg_at_10", "mrr_at_10", "mrr", "map", "recall_at_1", "recall_at_5", "recall_at_10", "recall_at_100",
)  # fmt: skip
_DEPTH = 10


def ranked(similarities: Numbers) -> NDArray[np.int64]:
    """Documents by falling similarity, of each query `(queries, documents)`; equal ones as in the corpus."""
    order: NDArray[np.int64] = np.argsort(-similarities, axis=1, kind="stable")
    return order


def query_metrics(order: Sequence[int], grades: Mapping[int, float]) -> dict[str, float]:
    """Every metric of one query: documents in their ``order``, and the grade above 0 of each relevant one."""
    found = np.array([grades.get(document, 0.0) for document in order])
    places = np.flatnonzero(found > 0) + 1
    first = 1.0 / places[0] if len(places) else 0.0
    recalls = {f"recall_at_{depth}": float((places <= depth).sum() / len(grades)) for depth in (1, 5, 10, 100)}
    return recalls | {
        "ndcg_at_10": _gain(found) / _gain(np.array(sorted(grades.values(), reverse=True))),
        "mrr_at_10": first if len(places) and places[0] <= _DEPTH else 0.0,
        "mrr": first,
        "map": float((np.arange(1, len(places) + 1) / places).sum() / len(grades)),
    }


def _gain(grades: Numbers) -> float:
    top = grades[:_DEPTH]
    return float((top / np.log2(np.arange(2, len(top) + 2))).sum())
