"""A family as it is stored: a basis of all modules, a member's coefficients on it, and the way between both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate
from ..lowrank_io import Layout
from ..reduction.report import distance
from .basis import Basis

# Method -> what a member keeps of each module.
METHODS = {
    "jd_full": "core",
    "jd_diag": "diagonal",
    "clustered": "core",
    "eigenlorax": "loadings",
    "individual": "factors",
}


@dataclass(frozen=True, eq=False)
class StoredModule:
    """One module: a basis for each cluster (none for individual members), and the mean update taken off first."""

    d_out: int
    d_in: int
    clusters: tuple[Basis, ...]
    mean: LowRankUpdate | None = None


@dataclass(frozen=True, eq=False)
class StoredBasis:
    """A family's basis: method, base model and one StoredModule for each module path; immutable.

    `sha256` and `size_bytes` are those of its file, empty and 0 before there is one.
    """

    method: str
    base_model: str
    modules: Mapping[str, StoredModule]
    layout: Layout = field(default_factory=Layout)
    sha256: str = ""
    size_bytes: int = 0

    def __post_init__(self) -> None:
        """ValueError for an unknown method, no modules, or modules with different numbers of clusters."""
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; received {self.method!r}")
        if not self.modules:
            raise ValueError("a basis has at least one module; received none")
        counts = {len(module.clusters) for module in self.modules.values()}
        if len(counts) > 1 or (counts == {0}) != (self.method == "individual"):
            raise ValueError(f"{self.method} needs as many clusters in each module; received {sorted(counts)}")

    @property
    def clusters(self) -> int:
        """Number of clusters, 1 at least."""
        return max(1, len(next(iter(self.modules.values())).clusters))


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What one member keeps of one module.

    Either a core, (k_out, k_in) or for diagonal bases (k,), with `rank` the rank the expanded update is cut to; or two
    loadings, left (k_out, r) and right (k_in, r), where that is smaller: the update is `U left right^T V^T`. For
    individual members U and V are left out, and the loadings are B (d_out, r) and A^T (d_in, r).
    """

    rank: int
    core: Tensor | None = None
    left: Tensor | None = None
    right: Tensor | None = None

    @property
    def loadings(self) -> tuple[Tensor, Tensor]:
        """Left and right; ValueError where a core is kept."""
        if self.left is None or self.right is None:
            raise ValueError("these coefficients are a core, not loadings")
        return self.left, self.right


@dataclass(frozen=True, eq=False)
class StoredMember:
    """One adapter on a basis: coefficients by module, full tensors (heads) by name, settings of its PEFT config.

    Modules that the adapter does not change are left out of `coefficients`. `sha256` and `size_bytes` are those of its
    file, empty and 0 before there is one.
    """

    coefficients: Mapping[str, Coefficients]
    cluster: int = 0
    full: Mapping[str, Tensor] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""
    size_bytes: int = 0


def project(
    basis: StoredBasis, adapter: Adapter, *, cluster: int | None = None, rank: int | None = None
) -> StoredMember:
    """The best coefficients of an adapter on a basis as it is stored, rounded or not: a least-squares projection.

    `cluster` None takes the one that leaves the least error. `rank` cuts every module's update to that rank; without it
    the adapter's own ranks stay. ValueError for modules or shapes that the basis is not for.
    """
    for name, update in adapter.items():
        module = basis.modules.get(name)
        if module is None:
            raise ValueError(f"the basis is not for the module {name!r}")
        if (update.d_out, update.d_in) != (module.d_out, module.d_in):
            raise ValueError(
                f"{name!r}: the basis is for {module.d_out} x {module.d_in}; received {update.d_out} x {update.d_in}"
            )
    if cluster is None and basis.clusters > 1:
        tries = [project(basis, adapter, cluster=one, rank=rank) for one in range(basis.clusters)]
        return min(tries, key=lambda member: sum(relative_squared_errors(basis, member, adapter).values()))
    chosen = cluster or 0
    found = {name: _coefficients(basis, name, update, chosen, rank) for name, update in sorted(adapter.items())}
    return StoredMember({name: one for name, one in found.items() if one.rank}, chosen)


def expand(basis: StoredBasis, member: StoredMember) -> dict[str, LowRankUpdate]:
    """A member as ordinary low-rank updates with balanced factors, float32; modules it does not change are left out.

    The rank of a module is the adapter's own, or k where the basis is narrower, plus the mean's.
    """
    return {name: _expanded(basis, name, one, member.cluster) for name, one in sorted(member.coefficients.items())}


def relative_squared_errors(basis: StoredBasis, member: StoredMember, adapter: Adapter) -> dict[str, float]:
    """`||D - D^||^2 / ||D||^2` of each module of the adapter, of exactly what is stored; 0 for zero updates."""
    expanded, errors = expand(basis, member), {}
    for name, update in adapter.items():
        norm = update.norm()
        missed = distance(update, expanded[name]) if name in expanded else norm
        errors[name] = (missed / norm) ** 2 if norm > 0 else 0.0
    return errors


def project_module(
    basis: StoredBasis,
    name: str,
    updates: Sequence[LowRankUpdate],
    *,
    clusters: Sequence[int] | None = None,
    ranks: Sequence[int] | None = None,
) -> list[Coefficients]:
    """`project` of one module of many adapters: what all of them need of the basis is computed once."""
    inverses: dict[int, tuple[Tensor, Tensor]] = {}
    found = []
    for place, update in enumerate(updates):
        cluster, rank = clusters[place] if clusters else 0, ranks[place] if ranks else None
        found.append(_coefficients(basis, name, update, cluster, rank, inverses))
    return found


def _coefficients(
    basis: StoredBasis,
    name: str,
    update: LowRankUpdate,
    cluster: int,
    rank: int | None,
    inverses: dict[int, tuple[Tensor, Tensor]] | None = None,
) -> Coefficients:
    module = basis.modules[name]
    wanted = min(update.rank, rank) if rank is not None else update.rank
    if update.norm() == 0.0 and module.mean is None:
        return Coefficients(0)
    if module.mean is not None:
        update = _sum(update, module.mean.scaled(-1.0))
    if METHODS[basis.method] == "factors":
        own = update.thin().truncated(wanted).as_update()
        return Coefficients(own.rank, left=own.B, right=own.A.T.contiguous())
    shared = module.clusters[cluster]
    if METHODS[basis.method] == "diagonal":
        return Coefficients(shared.rank, core=shared.project(update).core)
    known = {} if inverses is None else inverses
    if cluster not in known:
        known[cluster] = (torch.linalg.pinv(shared.U.double()), torch.linalg.pinv(shared.V.double()))
    left_inverse, right_inverse = known[cluster]
    inside = LowRankUpdate((right_inverse @ update.A.T.double()).T, left_inverse @ update.B.double())
    thin = inside.thin().truncated(wanted)
    root = thin.S.sqrt()
    left, right = (thin.U * root).float(), (thin.V * root).float()
    k_out, k_in = shared.U.shape[1], shared.V.shape[1]
    if METHODS[basis.method] == "loadings" or thin.rank * (k_out + k_in) < k_out * k_in:
        return Coefficients(thin.rank, left=left, right=right)
    return Coefficients(thin.rank, core=left @ right.T)


def _expanded(basis: StoredBasis, name: str, kept: Coefficients, cluster: int) -> LowRankUpdate:
    module = basis.modules[name]
    if kept.core is None:
        left, right = kept.loadings
        inside = LowRankUpdate(right.T.contiguous(), left)
    elif kept.core.ndim == 1:
        inside = LowRankUpdate(torch.eye(len(kept.core)), torch.diag(kept.core))
    else:
        inside = LowRankUpdate(torch.eye(kept.core.shape[1]), kept.core).thin().truncated(kept.rank).as_update()
    if module.clusters:
        shared = module.clusters[cluster]
        inside = LowRankUpdate((shared.V @ inside.A.T.to(shared.V)).T.contiguous(), shared.U @ inside.B.to(shared.U))
    return inside if module.mean is None else _sum(inside, module.mean)


def _sum(first: LowRankUpdate, second: LowRankUpdate) -> LowRankUpdate:
    """`D_1 + D_2`, exact, with the ranks added."""
    return LowRankUpdate(torch.cat([first.A, second.A.to(first.A)]), torch.cat([first.B, second.B.to(first.B)], 1))
