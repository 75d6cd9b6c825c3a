"""One fingerprint against all of its space: a matrix product over rows that are read in batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from catalog.similarity.models import Fingerprint
from kernels.similarity.codes import cosines

_BATCH_ROWS = 8192
T = TypeVar("T")


@dataclass(frozen=True)
class Compared:
    """Every other fingerprint that can be compared: arrays with a row for each.

    update, initial_a: cosines of the sketches. norm_ratios: over the norm of the one asked about. are_twins: whether
    all tensors are the same.
    """

    revision_ids: NDArray[np.int64]
    update: NDArray[np.float64]
    initial_a: NDArray[np.float64]
    norm_ratios: NDArray[np.float64]
    are_twins: NDArray[np.bool_]

    def near(self, least: float) -> list[int]:
        """Places of equal tensors or a cosine of at least ``least``, the nearest first, of equal ones the oldest."""
        rank = np.where(self.are_twins, 2.0, self.update)
        return self._sorted(rank, np.flatnonzero(self.are_twins | (self.update >= least)))

    def sharing_start(self, least: float) -> list[int]:
        """Places whose initial A has a cosine of at least ``least``, in the same order."""
        return self._sorted(self.initial_a, np.flatnonzero(self.initial_a >= least))

    def _sorted(self, rank: NDArray[np.float64], places: NDArray[np.int64]) -> list[int]:
        return [int(place) for place in places[np.lexsort((self.revision_ids[places], -rank[places]))]]


def compare_with_all(own: Fingerprint) -> Compared:
    """Compare with every fingerprint of the space or layout, whoever may see them: the caller looks at permissions.

    100,000 rows are about 75 MB, read 8192 at a time; no more than those are held.
    """
    twins = Q(tensors_digest=own.tensors_digest)
    alike = Q(space=own.space) | Q(layout=own.layout) if own.layout else Q(pk=None)
    rows = Fingerprint.objects.filter(alike | twins, version=own.version).exclude(pk=own.pk)
    columns = rows.values_list("revision_id", "update_code", "initial_a_code", "norm")
    update, start = bytes(own.update_code), bytes(own.initial_a_code)
    parts: list[tuple[Any, ...]] = []
    for batch in _batches(columns.iterator(chunk_size=_BATCH_ROWS)):
        ids, codes, start_codes, norms = zip(*batch, strict=True)
        parts.append((ids, cosines(update, codes), cosines(start, start_codes), norms))
    revision_ids = np.concatenate([np.zeros(0, dtype=np.int64), *(part[0] for part in parts)])
    return Compared(
        revision_ids,
        np.concatenate([np.zeros(0), *(part[1] for part in parts)]),
        np.concatenate([np.zeros(0), *(part[2] for part in parts)]),
        np.concatenate([np.zeros(0), *(part[3] for part in parts)]) / (own.norm or 1.0),
        np.isin(revision_ids, list(rows.filter(twins).values_list("revision_id", flat=True))),
    )


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        yield batch
