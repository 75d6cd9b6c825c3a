"""A family's files: the basis in one safetensors file, each member's coefficients in another; docs/FAMILIES.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..formats.errors import FormatError
from ..lowrank import LowRankUpdate
from ..lowrank_io import Layout
from .basis import Basis
from .container import digest, load, malformed, save
from .encoding import HALF, SINGLE, Encoding, decode, encode
from .stored import METHODS, Coefficients, StoredBasis, StoredMember, StoredModule

BASIS_FORMAT = "adapterhub.basis"
MEMBER_FORMAT = "adapterhub.coefficients"
_SHAPES, _COEFFICIENTS, _HEAD = "shapes", "coefficients", "head."


def write_basis(path: str | Path, basis: StoredBasis, *, encoding: Encoding = HALF) -> StoredBasis:
    """Write a basis and return it as it reads: rounded, with its digest. Members are projected on what is returned.

    ValueError for values that the encoding cannot hold, FileExistsError when the file is there.
    """
    names = list(basis.modules)
    tensors: dict[str, Tensor] = {
        _SHAPES: torch.tensor([[basis.modules[name].d_out, basis.modules[name].d_in] for name in names]).int()
    }
    units: dict[str, float] = {}
    for name in names:
        for key, matrix in _directions(name, basis.modules[name]):
            made, unit = encode(key, matrix, encoding)
            tensors, units = tensors | made, units | unit
    modules = [_module_header(name, basis) for name in names]
    header = {"method": basis.method, "base_model": basis.base_model, "modules": modules}
    save(path, tensors, BASIS_FORMAT, header | _encoding_header("values", encoding, units))
    return read_basis(path)


def read_basis(path: str | Path) -> StoredBasis:
    """The basis in a file, values in float32. FormatError with a stable code for anything that is not one."""
    header, described, tensors = load(path, BASIS_FORMAT)
    try:
        encoding, units = _encoding(described, "values")
        shapes = tensors[_SHAPES].tolist()
        modules, embeddings, windows = {}, set(), {}
        for entry, (d_out, d_in) in zip(described["modules"], shapes, strict=True):
            modules[entry["name"]] = _module(
                entry, int(d_out), int(d_in), tensors, units, encoding, described["method"]
            )
            if entry.get("kind") == "embedding":
                embeddings.add(entry["name"])
            if entry.get("window"):
                windows[entry["name"]] = tuple(int(size) for size in entry["window"])
        layout = Layout(frozenset(embeddings), windows)
        basis = StoredBasis(str(described["method"]), str(described["base_model"]), modules, layout)
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise malformed(path, error) from error
    return replace(basis, sha256=digest(path), size_bytes=header.size_bytes)


def write_member(
    path: str | Path,
    basis: StoredBasis,
    member: StoredMember,
    *,
    encoding: Encoding = HALF,
    head_encoding: Encoding = SINGLE,
) -> StoredMember:
    """Write a member's coefficients, heads and settings and return it as it reads: rounded, with its digest.

    All coefficients are one flat tensor, module after module in the order of the basis, so that the file's header
    stays small beside them. The basis must have been written: its digest goes into the file.
    """
    if not basis.sha256:
        raise ValueError("a member refers to the digest of its basis: write the basis first")
    parts = [values for name in basis.modules for values in _values(member.coefficients.get(name))]
    tensors: dict[str, Tensor] = {}
    units: dict[str, float] = {}
    if parts:
        tensors, units = encode(_COEFFICIENTS, torch.cat([part.flatten().float() for part in parts]), encoding)
    head_units: dict[str, float] = {}
    for name, values in sorted(member.full.items()):
        made, unit = encode(_HEAD + name, values, _head_encoding(values.ndim, head_encoding))
        tensors, head_units = tensors | made, head_units | unit
    heads = {name: list(values.shape) for name, values in sorted(member.full.items())}
    described = {
        "basis": basis.sha256,
        "cluster": member.cluster,
        "ranks": _short([_signed_rank(member.coefficients.get(name)) for name in basis.modules]),
        "settings": dict(member.settings),
        **({"heads": heads} if heads else {}),
        **_encoding_header("values", encoding, units),
        **(_encoding_header("head_values", head_encoding, head_units) if heads else {}),
    }
    save(path, tensors or {_SHAPES: torch.zeros(1).int()}, MEMBER_FORMAT, described)
    return read_member(path, basis)


def read_member(path: str | Path, basis: StoredBasis) -> StoredMember:
    """A member's coefficients on `basis`, in float32.

    FormatError `other_basis` when the file belongs to another basis, else with the code of what is wrong in it.
    """
    header, described, tensors = load(path, MEMBER_FORMAT)
    if described.get("basis") != basis.sha256:
        raise FormatError(
            "other_basis",
            f"{Path(path).name} holds coefficients on another basis.",
            hint="Pull the member again: its family has a newer basis.",
            expected=basis.sha256,
            received=str(described.get("basis"))[:64],
        )
    try:
        cluster, ranks = int(described["cluster"]), described["ranks"]
        ranks = ranks if isinstance(ranks, list) else [ranks] * len(basis.modules)
        if not 0 <= cluster < basis.clusters or len(ranks) != len(basis.modules):
            raise ValueError(f"cluster {cluster} and {len(ranks)} ranks")
        plan = {
            name: (int(rank), _value_shapes(basis, name, cluster, int(rank)))
            for name, rank in zip(basis.modules, ranks, strict=True)
        }
        encoding, units = _encoding(described, "values")
        coefficients = _read_coefficients(plan, tensors, units, encoding)
        full = _read_heads(described, tensors)
        settings = dict(described["settings"])
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise malformed(path, error) from error
    return StoredMember(coefficients, cluster, full, settings, digest(path), header.size_bytes)


def _directions(name: str, module: StoredModule) -> list[tuple[str, Tensor]]:
    """A module's tensors by name, directions as rows, so that a group of values is a piece of one direction."""
    found = []
    for place, shared in enumerate(module.clusters):
        found += [(f"{name}.{place}.U", shared.U.T), (f"{name}.{place}.V", shared.V.T)]
    if module.mean is not None:
        found += [(f"{name}.mean.U", module.mean.B.T), (f"{name}.mean.V", module.mean.A)]
    return found


def _module_header(name: str, basis: StoredBasis) -> dict[str, Any]:
    module = basis.modules[name]
    entry: dict[str, Any] = {"name": name}
    if module.clusters:
        entry["ranks"] = [[shared.U.shape[1], shared.V.shape[1]] for shared in module.clusters]
    if module.mean is not None:
        entry["mean"] = module.mean.rank
    if name in basis.layout.embeddings:
        entry["kind"] = "embedding"
    if basis.layout.windows.get(name):
        entry["window"] = list(basis.layout.windows[name])
    return entry


def _module(
    entry: Mapping[str, Any],
    d_out: int,
    d_in: int,
    tensors: Mapping[str, Tensor],
    units: Mapping[str, float],
    encoding: Encoding,
    method: str,
) -> StoredModule:
    def matrix(key: str, rows: int, columns: int) -> Tensor:
        return decode(f"{entry['name']}.{key}", tensors, units, encoding, (int(rows), columns))

    clusters = tuple(
        Basis(
            matrix(f"{place}.U", k_out, d_out).T.contiguous(),
            matrix(f"{place}.V", k_in, d_in).T.contiguous(),
            is_diagonal=METHODS[method] == "diagonal",
        )
        for place, (k_out, k_in) in enumerate(entry.get("ranks", []))
    )
    rank = int(entry.get("mean", 0))
    mean = LowRankUpdate(matrix("mean.V", rank, d_in), matrix("mean.U", rank, d_out).T) if rank else None
    return StoredModule(d_out, d_in, clusters, mean)


def _values(kept: Coefficients | None) -> Sequence[Tensor]:
    """A module's values in the order of the file: the core, or the rows of the left and then the right loadings."""
    if kept is None:
        return ()
    if kept.core is not None:
        return (kept.core,)
    left, right = kept.loadings
    return (left.T, right.T)


def _signed_rank(kept: Coefficients | None) -> int:
    """0: not changed; r: a core cut to rank r; -r: loadings of rank r."""
    if kept is None:
        return 0
    return kept.rank if kept.core is not None else -kept.rank


def _value_shapes(basis: StoredBasis, name: str, cluster: int, rank: int) -> tuple[tuple[int, ...], ...]:
    if rank == 0:
        return ()
    module = basis.modules[name]
    sides = (module.d_out, module.d_in)
    if module.clusters:
        sides = (module.clusters[cluster].U.shape[1], module.clusters[cluster].V.shape[1])
    if rank < 0:
        return ((-rank, sides[0]), (-rank, sides[1]))
    return ((sides[0],),) if METHODS[basis.method] == "diagonal" else (sides,)


def _read_coefficients(
    plan: Mapping[str, tuple[int, tuple[tuple[int, ...], ...]]],
    tensors: Mapping[str, Tensor],
    units: Mapping[str, float],
    encoding: Encoding,
) -> dict[str, Coefficients]:
    sizes = [prod(shape) for _, shapes in plan.values() for shape in shapes]
    if not sizes:
        return {}
    pieces = iter(decode(_COEFFICIENTS, tensors, units, encoding, (sum(sizes),)).split(sizes))
    found = {}
    for name, (rank, shapes) in plan.items():
        values = [next(pieces).reshape(shape) for shape in shapes]
        if rank > 0:
            found[name] = Coefficients(rank, core=values[0])
        elif rank < 0:
            found[name] = Coefficients(-rank, left=values[0].T.contiguous(), right=values[1].T.contiguous())
    return found


def _read_heads(described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    heads: Mapping[str, Sequence[int]] = described.get("heads", {})
    if not heads:
        return {}
    encoding, units = _encoding(described, "head_values")
    found = {}
    for name, sizes in heads.items():
        shape = tuple(int(size) for size in sizes)
        if min(shape, default=1) < 1:
            raise ValueError(f"{name!r} has the shape {shape}")
        found[name] = decode(_HEAD + name, tensors, units, _head_encoding(len(shape), encoding), shape)
    return found


def _head_encoding(dimensions: int, encoding: Encoding) -> Encoding:
    """Vectors (biases) are few and are not quantised."""
    return encoding if dimensions > 1 or not encoding.bits else replace(encoding, dtype="float16")


def _short(ranks: list[int]) -> int | list[int]:
    return ranks[0] if len(set(ranks)) == 1 else ranks


def _encoding_header(key: str, encoding: Encoding, units: Mapping[str, float]) -> dict[str, Any]:
    described: dict[str, Any] = {"dtype": encoding.dtype}
    if encoding.bits:
        described |= {"group_size": encoding.group_size, "units": dict(units)}
    return {key: described}


def _encoding(described: Mapping[str, Any], key: str) -> tuple[Encoding, dict[str, float]]:
    entry = described[key]
    return Encoding(entry["dtype"], int(entry.get("group_size", 64))), dict(entry.get("units", {}))
