"""LowRankUpdate and its canonical thin form: the primitive under all numerics; a d x d matrix is never formed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

_BATCH_ELEMENTS = 1 << 23  # of one padded side of a batch: bounds the work memory of `thin_forms`
_GRAM_ELEMENTS = 1 << 23  # of one block of the Gram matrices in `inner_products`


@dataclass(frozen=True, eq=False)
class LowRankUpdate:
    """The update `D = B @ A` of one module by one adapter; the scale is already folded into B.

    A is (r, d_in) and B is (d_out, r), of one floating dtype (the wider of the two) and on one device. Any invertible
    G gives the same update as (G^-1 A, B G): only the product means something, see `thin`.
    """

    A: Tensor
    B: Tensor

    def __post_init__(self) -> None:
        """Check that the factors multiply and bring them to one dtype; ValueError otherwise."""
        A, B = self.A, self.B
        if A.ndim != 2 or B.ndim != 2 or A.shape[0] != B.shape[1]:
            raise ValueError(f"A (r, d_in) and B (d_out, r) must multiply; received {list(A.shape)}, {list(B.shape)}")
        if not (A.is_floating_point() and B.is_floating_point()):
            raise ValueError(f"factors must be floating point; received {A.dtype} and {B.dtype}")
        if A.device != B.device:
            raise ValueError(f"A and B must be on one device; received {A.device} and {B.device}")
        dtype = torch.promote_types(A.dtype, B.dtype)
        object.__setattr__(self, "A", A.detach().to(dtype))
        object.__setattr__(self, "B", B.detach().to(dtype))

    @classmethod
    def from_lora(
        cls, A: Tensor, B: Tensor, *, alpha: float | None = None, rslora: bool = False, scale: float | None = None
    ) -> LowRankUpdate:
        """Fold the scale into B: alpha / r, with rsLoRA alpha / sqrt(r), or `scale` itself; 1 when neither is given.

        A (r, d_in), B (d_out, r). LoRA: Hu et al., arXiv 2106.09685, section 4.1; rsLoRA: Kalajdzievski, 2312.03732.
        """
        if alpha is not None and scale is not None:
            raise ValueError(f"give alpha or scale, not both; received alpha={alpha!r}, scale={scale!r}")
        if alpha is not None:
            if A.ndim != 2 or A.shape[0] == 0:
                raise ValueError(f"alpha needs a rank of at least 1; received A of shape {list(A.shape)}")
            scale = alpha / (sqrt(A.shape[0]) if rslora else A.shape[0])
        return cls(A, B) if scale is None else cls(A, B).scaled(scale)

    @property
    def rank(self) -> int:
        """Inner dimension r of the factors; the rank of the product may be smaller."""
        return self.A.shape[0]

    @property
    def d_in(self) -> int:
        """Width of A: the module's inputs."""
        return self.A.shape[1]

    @property
    def d_out(self) -> int:
        """Height of B: the module's outputs."""
        return self.B.shape[0]

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of both factors."""
        return self.A.dtype

    @property
    def device(self) -> torch.device:
        """Device of both factors."""
        return self.A.device

    def dense(self) -> Tensor:
        """`B @ A` (d_out, d_in), in float32 at least; for tests and small modules."""
        work = computing_dtype(self.dtype)
        return self.B.to(work) @ self.A.to(work)

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> LowRankUpdate:
        """Both factors in another dtype or on another device."""
        return LowRankUpdate(self.A.to(device=device, dtype=dtype), self.B.to(device=device, dtype=dtype))

    def scaled(self, factor: float) -> LowRankUpdate:
        """`factor * D`; halves are widened to float32 unless the factor is exact in them."""
        is_exact = factor in (0.0, 1.0, -1.0)
        B = self.B if is_exact else self.B.to(computing_dtype(self.dtype))
        return LowRankUpdate(self.A, B * factor)

    def __neg__(self) -> LowRankUpdate:
        """`-D`."""
        return self.scaled(-1.0)

    def thin(self) -> ThinForm:
        """The canonical thin form; for many updates `thin_forms` is faster."""
        return thin_forms([self])[0]

    def singular_values(self) -> Tensor:
        """Singular values of D, (min(r, d_out, d_in),) float64, descending."""
        return singular_values([self])[0]

    def norm(self) -> float:
        """Frobenius norm, exact up to rounding in any factorisation."""
        return float(torch.linalg.vector_norm(self.singular_values()))

    def spectral_norm(self) -> float:
        """Largest singular value; 0 for an empty update."""
        values = self.singular_values()
        return float(values[0]) if values.numel() else 0.0

    def effective_rank(self) -> float:
        """exp of the entropy of the normalised singular values (Roy and Vetterli, 2007); 0 for a zero update."""
        values = self.singular_values()
        shares = values[values > 0] / values.sum()
        return float(torch.exp(-(shares * shares.log()).sum())) if shares.numel() else 0.0


Adapter = Mapping[str, LowRankUpdate]


@dataclass(frozen=True, eq=False)
class ThinForm:
    """The exact thin SVD `D = U diag(S) V^T`: U (d_out, k), S (k,) descending, V (d_in, k), k = min(r, d_out, d_in).

    Unique, whatever the factorisation, where singular values are distinct: the largest entry of every column of U is
    positive. Rank-deficient updates end in zero singular values, whose columns are any orthonormal completion.
    """

    U: Tensor
    S: Tensor
    V: Tensor

    @property
    def rank(self) -> int:
        """Number of singular values kept, k."""
        return self.S.shape[0]

    def dense(self) -> Tensor:
        """`U diag(S) V^T` (d_out, d_in)."""
        return (self.U * self.S) @ self.V.T

    def as_update(self) -> LowRankUpdate:
        """The balanced factors B = U S^1/2 (d_out, k), A = S^1/2 V^T (k, d_in)."""
        root = self.S.sqrt()
        return LowRankUpdate((self.V * root).T.contiguous(), self.U * root)

    def truncated(self, rank: int) -> ThinForm:
        """The best approximation of at most this rank (Eckart and Young, 1936)."""
        if rank < 0:
            raise ValueError(f"rank must not be negative; received {rank}")
        return ThinForm(self.U[:, :rank], self.S[:rank], self.V[:, :rank])

    def norm(self) -> float:
        """Frobenius norm of D."""
        return float(torch.linalg.vector_norm(self.S.double()))

    def truncation_errors(self) -> Tensor:
        """`||D - D_j||_F` for j = 0 .. k kept singular values, (k + 1,) float64; the last is 0."""
        squares = self.S.double().square().flip(0).cumsum(0).flip(0)
        return torch.cat([squares, squares.new_zeros(1)]).sqrt()

    def rank_at_energy(self, energy: float) -> int:
        """Smallest rank that keeps this share, in (0, 1], of the squared norm; 0 for a zero update."""
        if not 0.0 < energy <= 1.0:
            raise ValueError(f"energy must be in (0, 1]; received {energy!r}")
        tails = self.truncation_errors().square()
        return int((tails > (1.0 - energy) * tails[0]).sum())


def thin_forms(updates: Sequence[LowRankUpdate]) -> list[ThinForm]:
    """Canonical thin form of each update, batched over updates of one shape; mixed ranks are padded with zero columns.

    QR of both factors, SVD of the r x r core in float64, one sign rule: about 16 d r^2 operations an update. Results
    are float32 (float64 for float64 input). ValueError names an update that holds NaN or infinity.
    """
    forms: list[ThinForm | None] = [None] * len(updates)
    for places in _batches(updates):
        batch = [updates[place] for place in places]
        B, A = padded(batch)
        Qb, Rb = torch.linalg.qr(B)
        Qa, Ra = torch.linalg.qr(A.mT)
        core = Rb.double() @ Ra.double().mT
        _check_finite(core, places)
        X, S, Yh = torch.linalg.svd(core, full_matrices=False)
        U, V = Qb @ X.to(B.dtype), Qa @ Yh.mT.to(B.dtype)
        signs = column_signs(U)
        U, V, S = U * signs, V * signs, S.to(B.dtype)
        for row, (place, update) in enumerate(zip(places, batch, strict=True)):
            rank = min(update.rank, S.shape[-1])
            forms[place] = ThinForm(U[row, :, :rank], S[row, :rank], V[row, :, :rank])
    return [form for form in forms if form is not None]


def singular_values(updates: Sequence[LowRankUpdate]) -> list[Tensor]:
    """Singular values of each update, (min(r, d_out, d_in),) float64, descending; no singular vectors are formed."""
    found: list[Tensor | None] = [None] * len(updates)
    for places in _batches(updates):
        batch = [updates[place] for place in places]
        B, A = padded(batch)
        core = torch.linalg.qr(B, mode="r").R.double() @ torch.linalg.qr(A.mT, mode="r").R.double().mT
        _check_finite(core, places)
        values = torch.linalg.svdvals(core)
        for row, (place, update) in enumerate(zip(places, batch, strict=True)):
            found[place] = values[row, : update.rank]
    return [values for values in found if values is not None]


def norms(updates: Sequence[LowRankUpdate]) -> Tensor:
    """Frobenius norms, (N,) float64, on the CPU."""
    values = [torch.linalg.vector_norm(spectrum).cpu() for spectrum in singular_values(updates)]
    return torch.stack(values) if values else torch.zeros(0, dtype=torch.float64)


def inner_products(left: Sequence[LowRankUpdate], right: Sequence[LowRankUpdate] | None = None) -> Tensor:
    """`<D_i, D_j>` of all pairs of one module, (N, M) float64: two GEMMs, 2 (d_in + d_out) r^2 operations a pair.

    `<D_i, D_j> = sum((B_i^T B_j) * (A_i A_j^T))`. Without `right`, the products among `left` (symmetric).
    """
    others = left if right is None else right
    check_one_module([*left, *others])
    if not left or not others:
        return torch.zeros(len(left), len(others), dtype=torch.float64)
    work = computing_dtype(*(update.dtype for update in (*left, *others)))
    B_right, A_right = _flat(others, work)
    width = A_right.shape[0]
    rank = max(1, max(update.rank for update in left))
    step = max(1, _GRAM_ELEMENTS // max(1, rank * width))
    rows = []
    for start in range(0, len(left), step):
        block = left[start : start + step]
        B_left, A_left = _flat(block, work)
        product = (B_left @ B_right.T).double().mul_(A_left @ A_right.T)
        rows.append(product.view(len(block), len(B_left) // len(block), len(others), width // len(others)).sum((1, 3)))
    return torch.cat(rows)


def padded(updates: Sequence[LowRankUpdate], dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """B (N, d_out, r) and A (N, r, d_in) of updates of one shape, r the largest rank, filled up with zeros."""
    check_one_module(updates)
    work = dtype or computing_dtype(*(update.dtype for update in updates))
    first, rank = updates[0], max(update.rank for update in updates)
    B = torch.zeros(len(updates), first.d_out, rank, dtype=work, device=first.device)
    A = torch.zeros(len(updates), rank, first.d_in, dtype=work, device=first.device)
    for row, update in enumerate(updates):
        B[row, :, : update.rank] = update.B
        A[row, : update.rank] = update.A
    return B, A


def column_signs(columns: Tensor) -> Tensor:
    """+-1 for each column of (.., d, k), shaped (.., 1, k), that makes its entry of largest magnitude positive."""
    if columns.shape[-2] == 0:
        return columns.new_ones(*columns.shape[:-2], 1, columns.shape[-1])
    rows = columns.abs().argmax(dim=-2, keepdim=True)
    return torch.where(columns.gather(-2, rows) < 0, -1.0, 1.0).to(columns.dtype)


def computing_dtype(*dtypes: torch.dtype) -> torch.dtype:
    """The dtype to compute in: float64 if any is, else float32; half precision only stores."""
    return torch.float64 if torch.float64 in dtypes else torch.float32


def check_one_module(updates: Sequence[LowRankUpdate]) -> None:
    """ValueError unless all updates have one (d_out, d_in)."""
    shapes = sorted({(update.d_out, update.d_in) for update in updates})
    if len(shapes) > 1:
        raise ValueError(f"updates of one module have one (d_out, d_in); received {shapes}")


def _flat(updates: Sequence[LowRankUpdate], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The columns of every B and the rows of every A as rows: (N r, d_out) and (N r, d_in)."""
    B, A = padded(updates, dtype)
    return B.mT.reshape(-1, B.shape[1]), A.reshape(-1, A.shape[2])


def _batches(updates: Sequence[LowRankUpdate]) -> Iterator[list[int]]:
    """Places of updates that can share a batch: one shape, dtype, device, and ranks within a factor of two."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, update in enumerate(updates):
        bucket = (update.rank - 1).bit_length() if update.rank else -1
        key = (update.d_out, update.d_in, computing_dtype(update.dtype), update.device, bucket)
        groups.setdefault(key, []).append(place)
    for places in groups.values():
        first = updates[places[0]]
        rank = max(updates[place].rank for place in places)
        step = max(1, _BATCH_ELEMENTS // max(1, rank * max(first.d_out, first.d_in)))
        for start in range(0, len(places), step):
            yield places[start : start + step]


def _check_finite(core: Tensor, places: Sequence[int]) -> None:
    is_finite = torch.isfinite(core).all(dim=-1).all(dim=-1)
    if not bool(is_finite.all()):
        bad = [places[row] for row in (~is_finite).nonzero().flatten().tolist()]
        raise ValueError(f"updates must be finite; received NaN or infinity in update {bad[0]} ({len(bad)} in all)")
