"""The function that ends the job ``compress``: parts become one basis, and one file of coefficients for each member."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kernels.families.encoding import Encoding
from kernels.families.files import write_basis, write_member
from kernels.families.parts import Part, open_part
from kernels.families.stored import StoredBasis, StoredMember
from kernels.formats.safetensors_header import read_header
from kernels.formats.tensor_data import read_tensor
from kernels.lowrank_io import Layout
from workers.computing import Report

_HALVES = {"F16": "float16", "BF16": "bfloat16"}


def assemble(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Write ``basis.safetensors`` and ``member-<place>.safetensors`` into ``out``.

    ``argument``: ``parts`` (paths), ``members`` [{``place``, ``cluster``, ``heads`` (a safetensors file, or None),
    ``settings``}], ``base_model``, ``method``, ``dtype``, ``coefficients``, ``heads`` (a dtype, or None for as they
    are), ``out``. Memory holds the basis, and one member.
    """
    out = Path(argument["out"])
    with ExitStack() as stack:
        parts = [stack.enter_context(open_part(Path(part))) for part in argument["parts"]]
        basis = write_basis(out / "basis.safetensors", _basis(parts, argument), encoding=Encoding(argument["dtype"]))
        members = []
        for done, member in enumerate(argument["members"]):
            report(done / len(argument["members"]), f"writing member {done + 1} of {len(argument['members'])}")
            members.append(_write(basis, parts, member, argument))
    return {"basis": "basis.safetensors", "members": members}


def full_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Heads and other full copies in a safetensors file, and the dtype that all of them have (or float32)."""
    header = read_header(path)
    found = {name: torch.from_numpy(np.array(read_tensor(path, header, name))) for name in header.tensors}
    dtypes = {info.dtype for info in header.tensors.values()}
    return found, _HALVES.get(dtypes.pop(), "float32") if len(dtypes) == 1 else "float32"


def _basis(parts: list[Part], argument: Mapping[str, Any]) -> StoredBasis:
    layout = Layout(
        frozenset(part.module for part in parts if part.kind == "embedding"),
        {part.module: part.window for part in parts if part.window},
    )
    modules = {part.module: part.stored for part in parts}
    return StoredBasis(argument["method"], argument["base_model"], modules, layout)


def _write(
    basis: StoredBasis, parts: list[Part], member: Mapping[str, Any], argument: Mapping[str, Any]
) -> dict[str, Any]:
    place = int(member["place"])
    kept = {part.module: one for part in parts if (one := part.coefficients(place)) is not None}
    full, dtype = full_tensors(Path(member["heads"])) if member["heads"] else ({}, "float32")
    stored = StoredMember(kept, int(member["cluster"]), full, member["settings"])
    name = f"member-{place}.safetensors"
    written = write_member(
        Path(argument["out"]) / name,
        basis,
        stored,
        encoding=Encoding(argument["coefficients"]),
        head_encoding=Encoding(argument["heads"] or dtype),
    )
    return {"place": place, "file": name, "size_bytes": written.size_bytes, "is_zero": not kept}
