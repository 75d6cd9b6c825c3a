"""One module of a basis that is being made, with every member's coefficients: what a crash does not take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from .basis import Basis
from .container import load_description, save
from .stored import METHODS, Coefficients, StoredModule

PART_FORMAT = "adapterhub.part"


@dataclass(frozen=True, eq=False)
class Part:
    """An open part: the module's bases and, one at a time, its members' coefficients."""

    module: str
    method: str
    stored: StoredModule
    kind: str
    window: tuple[int, ...]
    ranks: tuple[int, ...]
    _tensor: Any

    def coefficients(self, place: int) -> Coefficients | None:
        """Those of one member; None where it changes nothing."""
        rank = self.ranks[place]
        if rank == 0:
            return None
        if rank > 0:
            return Coefficients(rank, core=self._tensor(f"{place}.core"))
        return Coefficients(-rank, left=self._tensor(f"{place}.left"), right=self._tensor(f"{place}.right"))


def write_part(
    path: Path,
    module: str,
    method: str,
    stored: StoredModule,
    members: Sequence[Coefficients],
    *,
    kind: str = "linear",
    window: Sequence[int] = (),
) -> None:
    """Write a module's bases, as they will be stored, and its members' coefficients, in float32."""
    # A file holds at least one tensor, also where no member changes anything.
    tensors: dict[str, Tensor] = {"shape": torch.tensor([stored.d_out, stored.d_in]).int()}
    for place, shared in enumerate(stored.clusters):
        tensors |= {f"U.{place}": shared.U.contiguous(), f"V.{place}": shared.V.contiguous()}
    for place, kept in enumerate(members):
        if kept.rank and kept.core is not None:
            tensors[f"{place}.core"] = kept.core.contiguous()
        elif kept.rank:
            left, right = kept.loadings
            tensors |= {f"{place}.left": left.contiguous(), f"{place}.right": right.contiguous()}
    described = {
        "module": module,
        "method": method,
        "sides": [stored.d_out, stored.d_in],
        "clusters": len(stored.clusters),
        "kind": kind,
        "window": list(window),
        "ranks": [kept.rank if kept.core is not None else -kept.rank for kept in members],
    }
    save(path, tensors, PART_FORMAT, described)


@contextmanager
def open_part(path: Path) -> Iterator[Part]:
    """A part whose tensors are read as they are asked for. FormatError for anything that is not one."""
    described = load_description(path, PART_FORMAT)
    d_out, d_in = described["sides"]
    is_diagonal = METHODS[described["method"]] == "diagonal"
    with safe_open(path, framework="pt") as file:

        def tensor(name: str) -> Tensor:
            found: Tensor = file.get_tensor(name)
            return found.float()

        clusters = tuple(
            Basis(tensor(f"U.{place}"), tensor(f"V.{place}"), is_diagonal) for place in range(described["clusters"])
        )
        yield Part(
            described["module"],
            described["method"],
            StoredModule(d_out, d_in, clusters),
            described["kind"],
            tuple(described["window"]),
            tuple(described["ranks"]),
            tensor,
        )
