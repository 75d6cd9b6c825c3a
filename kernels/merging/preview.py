"""A dry run: norms, overlaps and sign conflicts of adapters before anything is merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ..lowrank import Adapter, ThinForm, inner_products, thin_forms
from .members import Members, checked_weights, members_of, modules_of

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ModulePreview:
    """One module; lists run over `places`, the adapters that have it with a weight and an update that are not zero.

    `cosines` of updates; `overlaps_in` and `overlaps_out` are `||V_i^T V_j||_F^2 / min(k_i, k_j)` of right and left
    singular vectors, 0 for orthogonal subspaces, 1 for nested ones. `sign_conflict` is the share of the weighted
    magnitude whose sign loses the election, 0 to 0.5, over the sampled rows. `sum_norm` is `||sum w_i D_i||_F`.
    """

    places: tuple[int, ...]
    ranks: tuple[int, ...]
    norms: tuple[float, ...]
    cosines: Matrix
    overlaps_in: Matrix
    overlaps_out: Matrix
    sign_conflict: float
    sum_norm: float


@dataclass(frozen=True)
class MergePreview:
    """The dry run of a merge, and what a person should look at first."""

    modules: dict[str, ModulePreview]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


def preview(
    adapters: Sequence[Adapter],
    *,
    weights: Sequence[float] | None = None,
    sampled_rows: int = 128,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> MergePreview:
    """Compare adapters module by module, in factor space; signs are compared on `sampled_rows` random rows of D_i.

    `weights` default to 1 each. ValueError as for `merge`.
    """
    if sampled_rows < 1:
        raise ValueError(f"sampled_rows must be at least 1; received {sampled_rows}")
    numbers = checked_weights(adapters, [1.0] * len(adapters) if weights is None else weights)
    generator = torch.Generator().manual_seed(seed)
    modules = modules_of(adapters)
    found = {}
    for done, module in enumerate(modules, start=1):
        members = members_of(adapters, numbers, module)
        found[module] = _compare(members, sampled_rows, generator)
        if progress is not None:
            progress(done / len(modules))
    return MergePreview(found, tuple(_warnings(found, len(adapters))))


def _compare(members: Members, sampled_rows: int, generator: torch.Generator) -> ModulePreview:
    if not members.updates:
        return ModulePreview((), (), (), (), (), (), 0.0, 0.0)
    forms = thin_forms(members.updates)
    norms = torch.tensor([form.norm() for form in forms], dtype=torch.float64)
    products = inner_products(members.updates).cpu()
    weights = torch.tensor(members.weights, dtype=torch.float64)
    bases = [_nonzero(form) for form in forms]
    return ModulePreview(
        members.places,
        tuple(update.rank for update in members.updates),
        tuple(norms.tolist()),
        _rows((products / torch.outer(norms, norms)).clamp(-1.0, 1.0)),
        _overlaps([form.V for form in bases]),
        _overlaps([form.U for form in bases]),
        _sign_conflict(members, sampled_rows, generator),
        float((weights @ products @ weights).clamp(min=0.0).sqrt()),
    )


def _nonzero(form: ThinForm) -> ThinForm:
    return form.truncated(max(1, int((form.S[0] * 1e-5 < form.S).sum())))


def _overlaps(bases: Sequence[Tensor]) -> Matrix:
    values = torch.empty(len(bases), len(bases), dtype=torch.float64)
    for row, left in enumerate(bases):
        for column, right in enumerate(bases[: row + 1]):
            shared = (left.T @ right).square().sum().double() / min(left.shape[1], right.shape[1])
            values[row, column] = values[column, row] = shared
    return _rows(values)


def _sign_conflict(members: Members, sampled_rows: int, generator: torch.Generator) -> float:
    rows = torch.randperm(members.d_out, generator=generator)[:sampled_rows]
    total = magnitude = None
    for update in members.weighted():
        block = update.B[rows.to(update.device)].float() @ update.A.float()
        total = block if total is None else total + block
        magnitude = block.abs() if magnitude is None else magnitude + block.abs()
    if total is None or magnitude is None or not bool(magnitude.any()):
        return 0.0
    # The losing side of an entry weighs (sum |x| - |sum x|) / 2.
    return float((magnitude - total.abs()).sum().double() / (2.0 * magnitude.sum().double()))


def _rows(matrix: Tensor) -> Matrix:
    return tuple(tuple(row) for row in matrix.tolist())


def _warnings(modules: dict[str, ModulePreview], n_adapters: int) -> list[str]:
    warnings = []
    for place in range(n_adapters):
        missing = [name for name, module in modules.items() if place not in module.places]
        if missing:
            warnings.append(f"Adapter {place} takes no part in {len(missing)} of {len(modules)} modules.")
    for left in range(n_adapters):
        for right in range(left):
            cosine = _overall_cosine(modules, left, right)
            if cosine > 0.99:
                warnings.append(f"Adapters {right} and {left} are nearly the same (cosine {cosine:.3f}).")
            elif cosine < -0.5:
                warnings.append(f"Adapters {right} and {left} work against each other (cosine {cosine:.3f}).")
    norms = [_overall_norm(modules, place) for place in range(n_adapters)]
    present = [norm for norm in norms if norm > 0.0]
    if present and max(present) > 10.0 * min(present):
        warnings.append(f"Adapter {norms.index(max(norms))} has more than ten times the norm of another.")
    return warnings


def _overall_norm(modules: dict[str, ModulePreview], place: int) -> float:
    own = [module.norms[module.places.index(place)] for module in modules.values() if place in module.places]
    return sum(norm**2 for norm in own) ** 0.5


def _overall_cosine(modules: dict[str, ModulePreview], left: int, right: int) -> float:
    product = 0.0
    for module in modules.values():
        if left in module.places and right in module.places:
            row, column = module.places.index(left), module.places.index(right)
            product += module.cosines[row][column] * module.norms[row] * module.norms[column]
    size = _overall_norm(modules, left) * _overall_norm(modules, right)
    return product / size if size > 0.0 else 0.0
