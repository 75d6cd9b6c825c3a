"""The principal subspace of a family's members, module by module, for the layers of a loaded model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from kernels.families.eigenlora import EigenBasis, eigenlora
from kernels.families.files import read_basis
from kernels.lowrank_io import load_layout, load_updates, module_shapes
from workers.evaluation.errors import Refused
from workers.training.asked import Subspace


@dataclass(frozen=True)
class Spanned:
    """Components of each module by its path in the model, and how they came about."""

    bases: Mapping[str, EigenBasis]
    seconds: float
    left_out: tuple[str, ...]
    """Modules that are no linear layers."""

    def as_report(self, members: int) -> dict[str, Any]:
        """What the derivation keeps."""
        energies = [(basis.energy_A + basis.energy_B) / 2 for basis in self.bases.values()]
        widths = [basis.W_A.shape[1] + basis.W_B.shape[1] for basis in self.bases.values()]
        return {
            "members": members,
            "modules": len(self.bases),
            "modules_left_out": list(self.left_out)[:100],
            "mean_components": round(sum(widths) / len(widths) / 2, 2),
            "mean_energy": round(sum(energies) / len(energies), 6),
            "bytes": sum(basis.size_bytes() for basis in self.bases.values()),
            "seconds": self.seconds,
        }


def span(
    model: Any,
    members: Sequence[Mapping[str, Path]],
    asked: Subspace,
    *,
    seed: int,
    report: Callable[[float], None],
) -> Spanned:
    """Components for every linear layer of ``model`` that any of ``members`` changes.

    One module of all members is in memory at a time. Raises Refused ``mixed_shapes`` where a module is not the same
    everywhere, ``nothing_in_common`` where the base model has no such layer; FormatError ``not_low_rank``.
    """
    start = perf_counter()
    named = [_by_path(model, files) for files in members]
    changed = sorted({path for own in named for path in own})
    linear = [path for path in changed if _is_linear(model.get_submodule(path))]
    if not linear:
        raise Refused("nothing_in_common", "no linear layer of the base model is changed by the members")
    bases = {}
    for place, path in enumerate(linear):
        having = [(files, own[path]) for files, own in zip(members, named, strict=True) if path in own]
        bases[path] = _basis(path, having, asked, seed)
        report((place + 1) / len(linear))
    return Spanned(bases, round(perf_counter() - start, 3), tuple(sorted(set(changed) - set(linear))))


def stored(model: Any, path: Path, asked: Subspace, *, seed: int) -> Spanned:
    """The directions of a family's basis file. Raises Refused ``nothing_in_common``; FormatError."""
    start = perf_counter()
    read = read_basis(path)
    found = {place: name for name in read.modules if (place := _place(model, name)) is not None}
    bases = {}
    for place, name in sorted(found.items()):
        clusters = read.modules[name].clusters
        if len(clusters) == 1 and _is_linear(model.get_submodule(place)):
            bases[place] = _widened(EigenBasis(clusters[0].U.float(), clusters[0].V.float()), asked, seed)
    if not bases:
        raise Refused("nothing_in_common", "no linear layer of the base model is in the family's basis")
    left_out = sorted(set(found) - set(bases))
    return Spanned(bases, round(perf_counter() - start, 3), tuple(left_out))


def _basis(path: str, having: Sequence[tuple[Mapping[str, Path], str]], asked: Subspace, seed: int) -> EigenBasis:
    updates = [load_updates(own, modules=[name], dtype=torch.float32)[name] for own, name in having]
    shapes = sorted({(update.d_out, update.d_in) for update in updates})
    if len(shapes) > 1:
        raise Refused("mixed_shapes", f"{path} is {shapes[0]} in one member and {shapes[1]} in another")
    fit = eigenlora(
        updates,
        components=asked.components,
        energy=asked.energy,
        is_centred=asked.is_centred,
        is_normalised=True,
        seed=seed,
    )
    return _widened(fit.basis, asked, seed)


def _widened(basis: EigenBasis, asked: Subspace, seed: int) -> EigenBasis:
    """With the random directions that were asked for, as far as there is room for them."""
    room = min(W.shape[0] - W.shape[1] for W in (basis.W_A, basis.W_B))
    more = min(asked.directions, max(0, room))
    return basis.augmented(more, seed=seed) if more else basis


def _by_path(model: Any, files: Mapping[str, Path]) -> dict[str, str]:
    """The path in ``model`` of every low-rank module of an adapter -> its name in the adapter's file."""
    layout = load_layout(files)
    names = [name for name in module_shapes(files) if name not in layout.embeddings and name not in layout.windows]
    return {path: name for name in names if (path := _place(model, name)) is not None}


def _place(model: Any, name: str) -> str | None:
    """Where a module of an adapter is in ``model``, whose body may stand below a head or be the whole."""
    prefix = f"{model.base_model_prefix}."
    known = dict(model.named_modules())
    return next((path for path in (name, prefix + name, name.removeprefix(prefix)) if path in known), None)


def _is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
