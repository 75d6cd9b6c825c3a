"""Sketches as bytes: one signed byte a number, and cosines of one against many as one matrix product. numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sketching import UPDATE_SIZE

_LARGEST = 127


def encode(sketch: NDArray[Any]) -> bytes:
    """One signed byte for each number, the largest becoming 127: the scale is lost, the direction kept to 1e-4.

    Empty for a sketch of zeros, which has no direction. ValueError for NaN or infinity.
    """
    largest = float(np.max(np.abs(sketch), initial=0.0))
    if not np.isfinite(largest):
        raise ValueError("a sketch must be finite; received NaN or infinity")
    if largest == 0.0:
        return b""
    return np.rint(sketch * (_LARGEST / largest)).astype(np.int8).tobytes()


def cosines(code: bytes, codes: Sequence[bytes]) -> NDArray[np.float64]:
    """Cosine of one sketch with each of many, (N,); equal codes give exactly 1, empty ones 0.

    Sums of products of bytes are exact in float32 up to 1040 numbers, so that the order of summation does not matter.
    ValueError where the lengths differ.
    """
    found = np.zeros(len(codes))
    if not code:
        return found
    places = [place for place, one in enumerate(codes) if one]
    lengths = {len(codes[place]) for place in places} - {len(code)}
    if lengths:
        raise ValueError(f"sketches to compare have one length; received {len(code)} and {sorted(lengths)}")
    if places:
        raw = b"".join(codes[place] for place in places)
        rows = np.frombuffer(raw, dtype=np.int8).reshape(len(places), -1).astype(np.float32)
        own = np.frombuffer(code, dtype=np.int8).astype(np.float32)
        products = (rows @ own).astype(np.float64)
        squares = np.einsum("ij,ij->i", rows, rows).astype(np.float64) * float(own @ own)
        found[places] = products / np.sqrt(squares)
    return np.clip(found, -1.0, 1.0)


def all_cosines(codes: Sequence[bytes]) -> NDArray[np.float64]:
    """Cosines among many sketches of one length, (N, N); 0 with an empty one, itself included."""
    size = max((len(code) for code in codes), default=0)
    raw = b"".join(code or bytes(size) for code in codes)
    rows = np.frombuffer(raw, dtype=np.int8).reshape(len(codes), -1).astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    scale = np.outer(norms, norms)
    return np.divide(rows @ rows.T, scale, out=np.zeros_like(scale), where=scale > 0).clip(-1.0, 1.0)


def standard_error(cosine: float, size: int = UPDATE_SIZE) -> float:
    """Standard error of a sketch's cosine, `(1 - c^2) / sqrt(size)`: 0.044 for unrelated updates, 0 for copies.

    That of a correlation of `size` pairs; its bias, at most c (1 - c^2) / 2 size, is a hundredth of it. An update of
    few modules and a very low rank has up to twice as much, because the entries of a product are not independent.
    """
    return (1.0 - min(1.0, cosine * cosine)) / sqrt(size)
