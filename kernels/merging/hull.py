"""Convex hulls of adapters: members stored once, any mixture given at request time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import sqrt

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate, inner_products
from .members import members_of, modules_of, stacked


class ConvexHull:
    """All mixtures `sum w_i D_i`, w_i >= 0 and sum w_i = 1, of some adapters.

    PaLoRA (Dimitriadis et al., arXiv 2407.08056, section 4): a preference over tasks is a point of the hull. Factors
    are stored once, side by side; a mixture shares B with the hull and scales the rows of A, so that it costs
    `m d_in` multiplications per module and is exact, of rank m = sum r_i.
    """

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        """Stack the members; ValueError for none, or for shapes that disagree."""
        if not adapters:
            raise ValueError("a hull needs at least one adapter; received none")
        self.n_members = len(adapters)
        self._stacks: dict[str, LowRankUpdate] = {}
        self._owners: dict[str, Tensor] = {}
        gram = torch.zeros(self.n_members, self.n_members, dtype=torch.float64)
        for module in modules_of(adapters):
            places = [place for place, adapter in enumerate(adapters) if module in adapter]
            updates = members_of(adapters, [1.0] * len(adapters), module, keep_idle=True).updates
            self._stacks[module] = stacked(updates)
            ranks = torch.tensor([update.rank for update in updates])
            self._owners[module] = torch.repeat_interleave(torch.tensor(places), ranks)
            gram[torch.tensor(places)[:, None], torch.tensor(places)] += inner_products(updates).cpu()
        self._gram = gram

    @property
    def size_bytes(self) -> int:
        """Bytes of all factors, each once."""
        tensors = [tensor for stack in self._stacks.values() for tensor in (stack.A, stack.B)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def at(self, weights: Sequence[float]) -> dict[str, LowRankUpdate]:
        """The mixture at a point of the simplex, (n_members,); ValueError for any other point."""
        point = self._checked(weights)
        mixture = {}
        for module, stack in self._stacks.items():
            factors = point[self._owners[module]].to(stack.A)
            mixture[module] = LowRankUpdate(stack.A * factors[:, None], stack.B)
        return mixture

    def norm(self, weights: Sequence[float]) -> float:
        """Frobenius norm of the mixture over all modules, from the members' inner products alone."""
        point = self._checked(weights)
        return sqrt(max(0.0, float(point @ self._gram @ point)))

    def distance(self, left: Sequence[float], right: Sequence[float]) -> float:
        """Frobenius distance of two mixtures over all modules."""
        step = self._checked(left) - self._checked(right)
        return sqrt(max(0.0, float(step @ self._gram @ step)))

    def _checked(self, weights: Sequence[float]) -> Tensor:
        point = torch.tensor(list(weights), dtype=torch.float64)
        is_inside = point.shape == (self.n_members,) and bool((point >= 0).all()) and abs(float(point.sum()) - 1) < 1e-6
        if not is_inside:
            raise ValueError(f"weights must be {self.n_members} numbers >= 0 of sum 1; received {list(weights)}")
        return point


def preference_grid(n_members: int, *, steps: int) -> list[tuple[float, ...]]:
    """All points of the simplex whose coordinates are multiples of 1 / steps, corners included."""
    if n_members < 1 or steps < 1:
        raise ValueError(f"n_members and steps must be at least 1; received {n_members} and {steps}")
    points = []
    for bars in combinations(range(steps + n_members - 1), n_members - 1):
        edges = [-1, *bars, steps + n_members - 1]
        points.append(tuple((right - left - 1) / steps for left, right in pairwise(edges)))
    return points
