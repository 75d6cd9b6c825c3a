"""Fitting module by module, so that memory holds one module of all adapters and never the whole pool."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from ..lowrank import Adapter, LowRankUpdate

Loader = Callable[[str], Sequence[LowRankUpdate]]
Result = TypeVar("Result")


def fit_modules(
    modules: Sequence[str],
    load: Loader,
    fit: Callable[[Sequence[LowRankUpdate]], Result],
    *,
    finished: Container[str] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[tuple[str, Result]]:
    """Yield (module, fit) one at a time; `load(module)` reads that module of every adapter, in one order.

    `fit` is any of this package, for example `partial(jd_full, rank=16)`. The caller stores each result before it asks
    for the next, and after an interruption names what it has in `finished`, which is then not even read. Peak memory
    of a joint fit is at most 6 N r (d_in + d_out) 4 bytes, the loaded factors included.
    `progress(done, total, module)`.
    """
    for place, module in enumerate(modules):
        if module not in finished:
            result = fit(load(module))
            yield module, result
            del result
        if progress:
            progress(place + 1, len(modules), module)


def loader_of(adapters: Sequence[Adapter]) -> tuple[list[str], Loader]:
    """Module paths of adapters in memory, and a loader of them; an adapter without a module has rank 0 there."""
    shapes: dict[str, LowRankUpdate] = {}
    for adapter in adapters:
        shapes = {**adapter, **shapes}
    modules = sorted(shapes)

    def load(module: str) -> list[LowRankUpdate]:
        return [_or_nothing(adapter, module, shapes[module]) for adapter in adapters]

    return modules, load


def _or_nothing(adapter: Mapping[str, LowRankUpdate], module: str, like: LowRankUpdate) -> LowRankUpdate:
    if module in adapter:
        return adapter[module]
    empty = torch.zeros(0, dtype=like.dtype, device=like.device)
    return LowRankUpdate(empty.view(0, 1).expand(0, like.d_in), empty.view(1, 0).expand(like.d_out, 0))
