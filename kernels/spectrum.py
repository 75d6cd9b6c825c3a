"""The canonical thin form of a low-rank update and what it gives for free: norms, singular values, effective rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_BLOCK_ELEMENTS = 4096


@dataclass(frozen=True)
class Spectrum:
    """Singular values of one update `scale * B @ A`, in descending order; at most r of them."""

    singular_values: Array

    @property
    def norm(self) -> float:
        """Frobenius norm of the update."""
        return float(np.sqrt(np.sum(self.singular_values**2)))

    @property
    def spectral_norm(self) -> float:
        """Largest singular value."""
        return float(self.singular_values[0]) if self.singular_values.size else 0.0

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the normalised singular values (Roy and Vetterli, 2007); 0 for a zero update."""
        total = float(self.singular_values.sum())
        if total <= 0.0:
            return 0.0
        shares = self.singular_values[self.singular_values > 0] / total
        return float(np.exp(-np.sum(shares * np.log(shares))))

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable, rounded to 6 significant digits."""
        return {
            "rank": int(self.singular_values.size),
            "norm": _round(self.norm),
            "spectral_norm": _round(self.spectral_norm),
            "effective_rank": _round(self.effective_rank),
            "singular_values": [_round(float(value)) for value in self.singular_values],
        }


def thin_form(a: NDArray[Any], b: NDArray[Any], scale: float = 1.0) -> tuple[Array, Array, Array]:
    """U (d_out, k), S (k,), V (d_in, k) with `U diag(S) V^T = scale * b @ a` exactly, k <= r.

    `a` (r, d_in), `b` (d_out, r). QR of both factors, then the SVD of the r x r core, so the update is never formed;
    the largest entry of every column of U is made positive, so that the result is unique.
    """
    q_b, r_b = np.linalg.qr(np.asarray(b, dtype=np.float64) * scale)
    q_a, r_a = np.linalg.qr(np.asarray(a, dtype=np.float64).T)
    x, s, y_t = np.linalg.svd(r_b @ r_a.T, full_matrices=False)
    u, v = q_b @ x, q_a @ y_t.T
    rows = np.argmax(np.abs(u), axis=0)
    signs = np.where(u[rows, np.arange(u.shape[1])] < 0, -1.0, 1.0)
    return u * signs, s, v * signs


def spectrum_of(a: NDArray[Any], b: NDArray[Any], scale: float = 1.0) -> Spectrum:
    """Singular values of `scale * b @ a` for `a` (r, d_in) and `b` (d_out, r), without forming the update."""
    core = _r_factor(np.asarray(b, dtype=np.float64) * scale) @ _r_factor(np.asarray(a, dtype=np.float64).T).T
    return Spectrum(np.linalg.svd(core, compute_uv=False).astype(np.float64))


def _r_factor(tall: Array) -> Array:
    """R (min(d, r), r) of a QR of `tall` (d, r), up to signs, by a tree of small QRs.

    The blocks stay below the size at which BLAS starts threads, whose start costs more than these factorisations.
    """
    width = tall.shape[1]
    rows = max(2 * width, _BLOCK_ELEMENTS // max(1, width))
    while tall.shape[0] > rows:
        missing = -tall.shape[0] % rows
        padded = np.concatenate([tall, np.zeros((missing, width))]) if missing else tall
        tall = np.asarray(np.linalg.qr(padded.reshape(-1, rows, width), mode="r")).reshape(-1, width)
    return np.asarray(np.linalg.qr(tall, mode="r"))


def _round(value: float) -> float:
    return float(f"{value:.6g}")
