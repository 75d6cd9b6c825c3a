"""SparseAdapter: pruning of the factors by magnitude or SNIP to an exact density, stored as values and a bit mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate
from .packing import pack_bits, unpack_bits
from .report import ModuleReport, Progress, Reduced, Report, check_adapter, compare, no_progress

Gradients = Mapping[str, tuple[Tensor, Tensor]]
_SCOPES = ("tensor", "module", "adapter")


@dataclass(frozen=True, eq=False)
class SparseFactor:
    """One factor of `shape`: the kept values in row-major order and a mask of one bit per entry (uint8, packed)."""

    shape: tuple[int, int]
    values: Tensor
    mask: Tensor

    @classmethod
    def of(cls, dense: Tensor, keep: Tensor) -> SparseFactor:
        """The entries of `dense` (rows, columns) where `keep` is true."""
        rows, columns = dense.shape
        return cls((rows, columns), dense[keep], pack_bits(keep.flatten()))

    def is_kept(self) -> Tensor:
        """The mask, bool, in `shape`."""
        return unpack_bits(self.mask, self.shape[0] * self.shape[1]).view(self.shape)

    def dense(self) -> Tensor:
        """The factor with zeros where entries were pruned."""
        full = self.values.new_zeros(self.shape)
        full[self.is_kept()] = self.values
        return full

    @property
    def size_bytes(self) -> int:
        """Bytes of values and mask."""
        return self.values.numel() * self.values.element_size() + self.mask.numel()


@dataclass(frozen=True)
class SparseAdapter(Reduced):
    """A pruned adapter: `factors` are what is stored, `updates` the same with the zeros filled in."""

    factors: dict[str, tuple[SparseFactor, SparseFactor]] = field(repr=False)

    @property
    def density(self) -> float:
        """Share of entries kept."""
        pairs = [factor for pair in self.factors.values() for factor in pair]
        return sum(one.values.numel() for one in pairs) / max(1, sum(one.shape[0] * one.shape[1] for one in pairs))

    def masks(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Masks of A (r, d_in) and B (d_out, r) by module, to hold pruned entries at zero in later training."""
        return {name: (a.is_kept(), b.is_kept()) for name, (a, b) in self.factors.items()}

    def tensors(self) -> dict[str, Tensor]:
        """What a safetensors file of the sparse form holds: values, packed mask and shape of every factor."""
        return {
            f"{name}.lora_{side}.{part}": value
            for name, pair in self.factors.items()
            for side, factor in zip("AB", pair, strict=True)
            for part, value in (
                ("values", factor.values),
                ("mask", factor.mask),
                ("shape", torch.tensor(factor.shape)),
            )
        }


def prune(
    adapter: Adapter,
    *,
    density: float,
    method: str = "magnitude",
    gradients: Gradients | None = None,
    scope: str = "tensor",
    seed: int | None = None,
    progress: Progress = no_progress,
) -> SparseAdapter:
    """Keep exactly `round(density * entries)` of the factors' entries: those of the highest score; zero the others.

    method: "magnitude" |x|; "snip" |x * dLoss/dx|, with `gradients` by module as (of A (r, d_in), of B (d_out, r));
    "random", with `seed`. scope: what is ranked together, each "tensor", each "module" or the whole "adapter". Equal
    scores keep the earlier entry. SparseAdapter: He et al., arXiv 2210.04284; SNIP: Lee et al.,
    arXiv 1810.02340. The scores belong to this factorisation: gauge-equal adapters give different results, and
    `truncate` to the full rank before pruning makes them equal.
    """
    check_adapter(adapter)
    if not 0.0 < density <= 1.0:
        raise ValueError(f"density must be in (0, 1]; received {density!r}")
    if scope not in _SCOPES:
        raise ValueError(f"scope must be one of {', '.join(_SCOPES)}; received {scope!r}")
    score = _scoring(method, gradients, seed)
    scores = {name: (score(name, 0, update.A), score(name, 1, update.B)) for name, update in adapter.items()}
    masks = _masks(scores, density, scope)
    factors: dict[str, tuple[SparseFactor, SparseFactor]] = {}
    modules: dict[str, ModuleReport] = {}
    for done, (name, update) in enumerate(adapter.items(), start=1):
        a, b = SparseFactor.of(update.A, masks[name][0]), SparseFactor.of(update.B, masks[name][1])
        factors[name] = (a, b)
        modules[name] = compare(update, LowRankUpdate(a.dense(), b.dense()), bytes_after=a.size_bytes + b.size_bytes)
        progress(done / len(adapter))
    return _whole(factors, Report(modules))


def sparse_from_tensors(tensors: Mapping[str, Tensor]) -> dict[str, LowRankUpdate]:
    """The adapter that `SparseAdapter.tensors` described; KeyError when a part is missing."""
    names = sorted({key.rpartition(".lora_")[0] for key in tensors})
    return {name: LowRankUpdate(_read(tensors, f"{name}.lora_A"), _read(tensors, f"{name}.lora_B")) for name in names}


def _read(tensors: Mapping[str, Tensor], key: str) -> Tensor:
    rows, columns = tensors[f"{key}.shape"].tolist()
    return SparseFactor((rows, columns), tensors[f"{key}.values"], tensors[f"{key}.mask"]).dense()


def _whole(factors: dict[str, tuple[SparseFactor, SparseFactor]], report: Report) -> SparseAdapter:
    updates = {name: LowRankUpdate(a.dense(), b.dense()) for name, (a, b) in factors.items()}
    return SparseAdapter(updates=updates, report=report, factors=factors)


def _scoring(method: str, gradients: Gradients | None, seed: int | None) -> Callable[[str, int, Tensor], Tensor]:
    """A function (module, 0 for A or 1 for B, factor) -> scores of the factor's shape."""
    if method == "magnitude":
        return lambda name, side, factor: factor.abs().float()
    if method == "snip":
        if gradients is None:
            raise ValueError("method='snip' needs gradients of the loss by module; received none")
        return lambda name, side, factor: (factor.float() * _gradient(gradients, name, side, factor)).abs()
    if method == "random":
        if seed is None:
            raise ValueError("method='random' needs a seed; received none")
        generator = torch.Generator().manual_seed(seed)
        return lambda name, side, factor: torch.rand(factor.shape, generator=generator).to(factor.device)
    raise ValueError(f"method must be one of magnitude, snip, random; received {method!r}")


def _gradient(gradients: Gradients, name: str, side: int, factor: Tensor) -> Tensor:
    if name not in gradients:
        raise ValueError(f"gradients have no entry for module {name!r}")
    gradient = gradients[name][side]
    if gradient.shape != factor.shape:
        raise ValueError(f"gradient of {name!r} must be {list(factor.shape)}; received {list(gradient.shape)}")
    return gradient.to(factor.device).float()


def _masks(scores: Mapping[str, tuple[Tensor, Tensor]], density: float, scope: str) -> dict[str, tuple[Tensor, Tensor]]:
    if scope == "adapter":
        flat = torch.cat([side.flatten() for pair in scores.values() for side in pair])
        parts = iter(_top(flat, density).split([side.numel() for pair in scores.values() for side in pair]))
        return {name: (next(parts).view(a.shape), next(parts).view(b.shape)) for name, (a, b) in scores.items()}
    if scope == "module":
        masks = {}
        for name, (a, b) in scores.items():
            keep = _top(torch.cat([a.flatten(), b.flatten()]), density)
            masks[name] = (keep[: a.numel()].view(a.shape), keep[a.numel() :].view(b.shape))
        return masks
    return {
        name: (_top(a.flatten(), density).view(a.shape), _top(b.flatten(), density).view(b.shape))
        for name, (a, b) in scores.items()
    }


def _top(scores: Tensor, density: float) -> Tensor:
    """True for the `round(density * n)` highest of (n,) scores; of equal ones the earlier."""
    count = round(density * scores.numel())
    keep = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    if count == 0:
        return keep
    threshold = scores.kthvalue(scores.numel() - count + 1).values
    keep |= scores > threshold
    ties = (scores == threshold).nonzero().flatten()
    keep[ties[: count - int(keep.sum())]] = True
    return keep
