"""Sketches: a few hundred numbers of an adapter whose cosine estimates the cosine of the whole updates. numpy alone.

Every entry D[i, j] of every module's update goes with a random sign into one of `UPDATE_SIZE` buckets. Signs and
buckets of rows and columns are drawn apart and come out of SHAKE-128 of the module's name, so that

    E <sketch(D), sketch(D')> = sum over modules <D_m, D'_m>,

a module that one of the two lacks counting as zero there. The map is linear in D = B A: whoever re-factorises an
adapter changes nothing, whoever scales it scales the sketch. For independent rows and columns it is a convolution of
two count sketches (Pham and Pagh, KDD 2013), so that neither D nor anything of its size is ever formed.

The second sketch is of the raw A's, each of unit norm: its cosine estimates `initial_a_similarities`, the mean over
modules of the cosines of the A's. It looks at the factors as they are kept: a re-factorised adapter has lost its start.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

SKETCH_VERSION = 1
"""Sketches of two versions are not compared."""
UPDATE_SIZE = 512
INITIAL_A_SIZE = 256
_FOLD = UPDATE_SIZE // INITIAL_A_SIZE
_SIGN_BIT = 15
_BLOCK_ELEMENTS = 1 << 21  # of the rows that are counted at a time: bounds the memory for a table of embeddings

Vector = NDArray[np.float64]
Factor = NDArray[Any]


@dataclass(frozen=True)
class Sketches:
    """Both sketches of an adapter, and the exact Frobenius norm of its update."""

    update: Vector
    initial_a: Vector
    norm: float


class Sketcher:
    """Sketches an adapter one module after the other, so that memory holds one module's factors."""

    def __init__(self) -> None:
        self._spectrum = np.zeros(UPDATE_SIZE // 2 + 1, dtype=np.complex128)
        self._initial_a = np.zeros(INITIAL_A_SIZE)
        self._square = 0.0

    def add(self, module: str, A: Factor, B: Factor, scale: float = 1.0) -> None:
        """The update `scale * B @ A` of one module: A (r, d_in), B (d_out, r). Each module once."""
        if A.ndim != 2 or B.ndim != 2 or A.shape[0] != B.shape[1]:
            raise ValueError(f"A (r, d_in) and B (d_out, r) must multiply; received {[*A.shape]}, {[*B.shape]}")
        A, B = A.astype(np.float64), B.astype(np.float64) * scale
        gram = A @ A.T
        self._square += max(0.0, float(np.sum((B.T @ B) * gram)))
        columns = _counted(A, f"{module}|in")
        rows = _counted(B.T, f"{module}|out")
        self._spectrum += np.sum(np.fft.rfft(rows) * np.fft.rfft(columns), axis=0)
        norm = sqrt(float(np.trace(gram)))
        if norm > 0.0:
            self._add_start(module, columns / norm)

    def _add_start(self, module: str, columns: Vector) -> None:
        """Entry (k, j) of A goes to the bucket of its column, shifted by one that belongs to its row and the rank."""
        folded = columns.reshape(columns.shape[0], INITIAL_A_SIZE, _FOLD).sum(2)
        shifts, signs = _draws(f"{module}|rank {columns.shape[0]}", columns.shape[0])
        places = (np.arange(INITIAL_A_SIZE) - (shifts // _FOLD)[:, None]) % INITIAL_A_SIZE
        self._initial_a += signs @ np.take_along_axis(folded, places, axis=1)

    def finish(self) -> Sketches:
        """Both sketches of what was added."""
        return Sketches(np.fft.irfft(self._spectrum, UPDATE_SIZE), self._initial_a.copy(), sqrt(self._square))


def _counted(rows: Factor, seed: str) -> Vector:
    """The count sketch of each row, (r, UPDATE_SIZE): entry j goes with its sign into its bucket."""
    count, width = rows.shape
    buckets, signs = _draws(seed, width)
    step = max(1, _BLOCK_ELEMENTS // max(1, width))
    sums = np.zeros((count, UPDATE_SIZE))
    for start in range(0, count, step):
        block = rows[start : start + step] * signs
        places = buckets + UPDATE_SIZE * np.arange(len(block))[:, None]
        counts = np.bincount(places.ravel(), weights=block.ravel(), minlength=block.shape[0] * UPDATE_SIZE)
        sums[start : start + step] = counts.reshape(-1, UPDATE_SIZE)
    return sums


def _draws(seed: str, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A bucket and a sign for each of `count` coordinates: 2 bytes of SHAKE-128 each, low bits and the highest.

    The draws of a longer axis begin with those of a shorter one: an embedding to which tokens were added compares.
    """
    raw = hashlib.shake_128(f"adapter sketch {SKETCH_VERSION}|{seed}".encode()).digest(2 * count)
    words = np.frombuffer(raw, dtype="<u2").astype(np.int64)
    return words % UPDATE_SIZE, 1.0 - 2.0 * (words >> _SIGN_BIT)
