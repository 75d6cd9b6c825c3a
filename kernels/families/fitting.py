"""One module of a family fitted by any method: to a shared rank, or to the smallest one that keeps to an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, thin_forms
from .basis import Basis, JointFit
from .eigenlora import eigenlora
from .individual import individual_svd
from .jd_diag import jd_diag
from .jd_full import fit as fit_full
from .pool import Pool, pack


@dataclass(frozen=True, eq=False)
class ModuleFit:
    """The bases of one module, one for each cluster (none for individual members).

    rank: the shared rank k that was asked for or found. errors: (N,) float64, `||D - D^||^2 / ||D||^2` before anything
    is rounded for storing, 0 for zero updates. member_ranks: what is kept of each adapter where that differs from its
    own rank, for individual members.
    """

    clusters: tuple[Basis, ...]
    rank: int
    errors: Tensor
    member_ranks: tuple[int, ...] = ()


def fit_module(
    updates: Sequence[LowRankUpdate],
    method: str,
    *,
    rank: int | None = None,
    error: float | None = None,
    assignment: Sequence[int] | None = None,
    seed: int = 0,
) -> ModuleFit:
    """Fit `updates`, one of each adapter, by `method` (see `stored.METHODS`).

    Either `rank`, or `error`, the largest mean relative squared error of the adapters that are not zero: then the
    smallest rank that keeps to it. `assignment` is the cluster of each adapter, for the method clustered. ValueError
    unless exactly one of rank and error is given.
    """
    if (rank is None) == (error is None):
        raise ValueError(f"give either rank or error; received {rank!r} and {error!r}")
    if method == "individual":
        return _individual(updates, rank, error)
    fit_at = _fitter(updates, method, assignment, seed)
    most = max(1, min(sum(update.rank for update in updates), updates[0].d_out, updates[0].d_in))
    if rank is not None:
        return fit_at(min(rank, most))
    assert error is not None, "checked above"
    return smallest_fit(fit_at, error, most)


def smallest_fit(fit_at: Callable[[int], ModuleFit], error: float, most: int) -> ModuleFit:
    """The fit of the smallest rank up to `most` whose mean error is at most `error`; that of `most` if none is."""
    rank, below, best = 1, 0, fit_at(1)
    while mean_error(best) > error and rank < most:
        below, rank = rank, min(2 * rank, most)
        best = fit_at(rank)
    while rank - below > 1 and mean_error(best) <= error:
        middle = (rank + below) // 2
        tried = fit_at(middle)
        if mean_error(tried) <= error:
            rank, best = middle, tried
        else:
            below = middle
    return best


def errors_at(updates: Sequence[LowRankUpdate], method: str, ranks: Sequence[int], **options: object) -> list[Tensor]:
    """The errors (N,) of fits at several ranks, for a curve; options as of `fit_module`."""
    return [fit_module(updates, method, rank=rank, **options).errors for rank in ranks]  # type: ignore[arg-type]


def mean_error(fit: ModuleFit) -> float:
    """Mean over all adapters; a zero one has an error of 0."""
    return float(fit.errors.mean())


def _fitter(
    updates: Sequence[LowRankUpdate], method: str, assignment: Sequence[int] | None, seed: int
) -> Callable[[int], ModuleFit]:
    if method == "jd_diag":
        return lambda rank: _joint(jd_diag(updates, rank=rank, seed=seed), rank)
    if method == "eigenlorax":
        return lambda rank: _principal(updates, rank, seed)
    pool = pack(updates)
    if method == "jd_full":
        return lambda rank: _joint(fit_full(pool, rank, seed=seed), rank)
    if method == "clustered" and assignment is not None:
        return lambda rank: _clustered(pool, rank, assignment, seed)
    raise ValueError(f"no fit by {method!r}" + (" without an assignment" if method == "clustered" else ""))


def _joint(found: JointFit, rank: int) -> ModuleFit:
    return ModuleFit((found.basis,), rank, found.relative_squared_errors.cpu())


def _principal(updates: Sequence[LowRankUpdate], rank: int, seed: int) -> ModuleFit:
    found = eigenlora(updates, components=rank, is_normalised=True, seed=seed)
    return ModuleFit((Basis(found.basis.W_B, found.basis.W_A),), rank, found.relative_squared_errors)


def _clustered(pool: Pool, rank: int, assignment: Sequence[int], seed: int) -> ModuleFit:
    errors = torch.zeros(pool.count, dtype=torch.float64)
    bases = []
    for cluster in range(max(assignment) + 1):
        places = [place for place, own in enumerate(assignment) if own == cluster]
        found = fit_full(pool.select(places), rank, seed=seed)
        errors[places] = found.relative_squared_errors.cpu()
        bases.append(found.basis)
    return ModuleFit(tuple(bases), rank, errors)


def _individual(updates: Sequence[LowRankUpdate], rank: int | None, error: float | None) -> ModuleFit:
    if error is not None:
        # Each adapter keeps to the error by itself, so that their mean does.
        kept = tuple(form.rank_at_energy(max(1e-12, 1.0 - error)) for form in thin_forms(updates))
        found = torch.tensor([_tail(update, own) for update, own in zip(updates, kept, strict=True)])
        return ModuleFit((), max(kept, default=1), found.double(), kept)
    assert rank is not None, "checked by the caller"
    fitted = individual_svd(updates, rank=rank)
    return ModuleFit((), rank, fitted.relative_squared_errors, tuple(form.rank for form in fitted.members))


def _tail(update: LowRankUpdate, rank: int) -> float:
    values = update.singular_values().square()
    total = float(values.sum())
    return float(values[rank:].sum()) / total if total > 0 else 0.0
