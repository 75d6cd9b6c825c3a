"""Clustered joint compression: one cluster an adapter for all modules, a JD-Full basis for each cluster and module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .basis import Basis, JointFit
from .clustering import initial_clusters
from .jd_full import fit
from .pool import Pool, pack
from .streaming import Loader


@dataclass(frozen=True, eq=False)
class ClusteredFit:
    """assignment: (N,) the cluster of each adapter; fits: module -> one JointFit for each cluster, members in order.

    relative_squared_errors: (N,) float64, `sum over modules ||D - D^||^2 / ||D||^2` divided by the number of modules
    where the adapter is not zero. losses: total of these errors after each round; it never rises while no cluster
    is reseeded. is_converged: no adapter wanted to move in the last round.
    """

    assignment: Tensor
    fits: dict[str, tuple[JointFit, ...]]
    relative_squared_errors: Tensor
    losses: tuple[float, ...]
    is_converged: bool

    def place_of(self, adapter: int) -> tuple[int, int]:
        """(cluster, place within the cluster's fits) of an adapter."""
        cluster = int(self.assignment[adapter])
        return cluster, int((self.assignment[:adapter] == cluster).sum())

    def size_bytes(self, bytes_per_value: int = 4) -> int:
        """Bytes of all bases and members."""
        return sum(one.size_bytes(bytes_per_value) for fits in self.fits.values() for one in fits)


def clustered_jd(
    modules: Sequence[str],
    load: Loader,
    *,
    rank: int,
    clusters: int,
    seed: int = 0,
    assignment: Sequence[int] | Tensor | None = None,
    max_rounds: int = 10,
    progress: Callable[[int, int, str], None] | None = None,
) -> ClusteredFit:
    """Fit `clusters` JD-Full bases of shared rank k to each module and move every adapter to where it fits best.

    Compress then Serve (arXiv 2407.00066, clustered variant). `load(module)` gives that module of all N adapters, in
    one order; modules are read one at a time, once a round. The first assignment goes by similarity of the initial A
    (subspaces of the inputs, seeded k-means) unless `assignment` gives one; fits are warm-started, so that the total
    error falls until no adapter moves or rounds end. An empty cluster gets the worst-fitted adapter.
    `progress(step, steps, module)`. ValueError for unusable counts or assignments.
    """
    if not modules or rank < 1 or max_rounds < 1:
        raise ValueError(
            f"modules, rank and max_rounds must be positive; received {len(modules)}, {rank}, {max_rounds}"
        )
    if assignment is None:
        chosen = initial_clusters(modules, load, clusters=clusters, seed=seed)
    else:
        chosen = torch.as_tensor(assignment, dtype=torch.long)
    _check(chosen, clusters)
    fits: dict[str, tuple[JointFit, ...]] = {}
    losses: list[float] = []
    for turn in range(max_rounds):
        errors, counted = torch.zeros(len(chosen), clusters, dtype=torch.float64), torch.zeros(len(chosen))
        for step, module in enumerate(modules):
            pool = pack(load(module))
            fits[module] = _fit_clusters(pool, chosen, clusters, rank, seed, fits.get(module))
            errors += _errors(pool, fits[module])
            counted += (pool.norms > 0).cpu()
            if progress:
                progress(turn * len(modules) + step + 1, max_rounds * len(modules), module)
        own = errors.gather(1, chosen[:, None])[:, 0]
        losses.append(float(own.sum()))
        wanted = _reassigned(errors, chosen, clusters)
        is_converged = bool((wanted == chosen).all())
        if is_converged or turn == max_rounds - 1:
            break
        chosen = wanted
    return ClusteredFit(chosen, fits, own / counted.clamp(min=1), tuple(losses), is_converged)


def _fit_clusters(
    pool: Pool, assignment: Tensor, clusters: int, rank: int, seed: int, before: tuple[JointFit, ...] | None
) -> tuple[JointFit, ...]:
    """One fit for each cluster, warm from the round before where that basis has the same rank."""
    fits = []
    for cluster in range(clusters):
        members = pool.select((assignment == cluster).nonzero().flatten().tolist())
        sizes = tuple(min(rank, *X.shape) for X in (members.P, members.Q))
        warm = before[cluster].basis if before else None
        is_usable = warm is not None and (warm.U.shape[1], warm.V.shape[1]) == sizes
        fits.append(fit(members, rank, start=warm if is_usable else None, seed=seed))
    return tuple(fits)


def _errors(pool: Pool, fits: tuple[JointFit, ...]) -> Tensor:
    """Relative squared error of every adapter in every cluster's basis, (N, c) float64; 0 for zero updates."""
    columns = [_missed(pool, one.basis) for one in fits]
    return torch.stack(columns, 1).cpu()


def _missed(pool: Pool, basis: Basis) -> Tensor:
    b, a = pool.images(basis.U, basis.V)
    captured = (b.mT @ a).double().square().sum((1, 2))
    return torch.where(pool.norms > 0, (1.0 - captured).clamp(min=0.0), 0.0)


def _reassigned(errors: Tensor, assignment: Tensor, clusters: int) -> Tensor:
    """Each adapter's best cluster, staying on near-ties; empty clusters take the worst-fitted of the others."""
    own = errors.gather(1, assignment[:, None])[:, 0]
    best, cluster = errors.min(1)
    chosen = torch.where(best < own * (1 - 1e-6) - 1e-9, cluster, assignment)
    order = errors.gather(1, chosen[:, None])[:, 0].argsort(descending=True, stable=True).tolist()
    for empty in range(clusters):
        counts = torch.bincount(chosen, minlength=clusters)
        if counts[empty] == 0:
            moved = next(place for place in order if counts[chosen[place]] > 1)
            order.remove(moved)
            chosen[moved] = empty
    return chosen


def _check(assignment: Tensor, clusters: int) -> None:
    if not 1 <= clusters <= len(assignment):
        raise ValueError(
            f"clusters must be from 1 to the number of adapters; received {clusters} for {len(assignment)}"
        )
    counts = torch.bincount(assignment, minlength=clusters)
    if len(counts) != clusters or bool((counts == 0).any()):
        raise ValueError(f"an assignment fills clusters 0 .. {clusters - 1}; received {counts.tolist()} members")
