"""The fingerprint of an adapter's files: digest of its tensors, two sketches, and what its A's and B's are apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..formats.base_match import match_base
from ..formats.base_shapes import BaseShapes
from ..formats.canonical import Grouped
from ..formats.errors import FormatError
from ..formats.pairs import read_pairs
from ..formats.safetensors_header import Header, read_header
from ..formats.tensor_data import iter_chunks
from ..formats.values import factors
from .codes import encode
from .sketching import SKETCH_VERSION, Factor, Sketcher

_PEFT_START = sqrt(3.0)  # entries of PEFT's A begin uniform in +-1/sqrt(d_in): norm sqrt(r / 3)


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of an adapter.

    tensors_digest: SHA-256 over dtype, shape and values of every tensor, whatever their names, order, file or metadata.
    layout: SHA-256 over module names and widths: adapters of one layout fit on one basis. Empty without pairs, as are
    the sketches; `skipped` then says why. is_partial: there is more than pairs, and the sketches hold the pairs alone.
    """

    tensors_digest: str
    layout: str = ""
    update: bytes = b""
    initial_a: bytes = b""
    norm: float = 0.0
    modules: int = 0
    is_partial: bool = False
    factors: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, Any] | None = None
    version: int = SKETCH_VERSION


def fingerprint_of(files: Mapping[str, Path], *, base: BaseShapes | None = None) -> Fingerprint:
    """Fingerprint of an adapter's files (name -> where the bytes lie), one module in memory at a time.

    With `base` modules are known by their names in the base model, whatever dialect the file is written in. Modules
    whose values are not finite are left out. FormatError for a safetensors file whose header cannot be read.
    """
    weights = {name: path for name, path in files.items() if name.endswith(".safetensors")}
    digest = tensors_digest([(path, read_header(path)) for path in weights.values()])
    try:
        path, header, grouped = read_pairs({name: Path(where) for name, where in files.items()})
    except FormatError as error:
        return Fingerprint(digest, skipped={"code": error.code, "detail": error.detail})
    names = _names_in(base, grouped, header)
    sketcher, apart = Sketcher(), []
    for pair in grouped.pairs:
        a, b = factors(path, header, pair)
        if np.isfinite(a).all() and np.isfinite(b).all():
            sketcher.add(names[pair.module], a, b, pair.scale)
            apart.append(_apart(a, b))
    sketches = sketcher.finish()
    widths = sorted(f"{names[pair.module]} {pair.d_out} {pair.d_in}" for pair in grouped.pairs)
    middles = {pair.middle_name for pair in grouped.pairs}
    return Fingerprint(
        digest,
        layout=hashlib.sha256("\n".join(widths).encode()).hexdigest(),
        update=encode(sketches.update),
        initial_a=encode(sketches.initial_a),
        norm=sketches.norm,
        modules=len(grouped.pairs),
        is_partial=any(name not in middles for name in grouped.method_tensors),
        factors=_medians(apart),
    )


def tensors_digest(files: list[tuple[Path, Header]]) -> str:
    """SHA-256 over the sorted digests of all tensors: equal for the same values under other names or metadata."""
    found = []
    for path, header in files:
        for name, info in header.tensors.items():
            one = hashlib.sha256(f"{info.dtype} {list(info.shape)}\n".encode())
            for chunk in iter_chunks(path, header, name):
                one.update(np.ascontiguousarray(chunk).data)
            found.append(one.hexdigest())
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def _names_in(base: BaseShapes | None, grouped: Grouped, header: Header) -> dict[str, str]:
    known = match_base(grouped, header.shapes, base).resolved if base else {}
    return {pair.module: known.get(pair.module, pair.module.removesuffix(".base_layer")) for pair in grouped.pairs}


def _apart(a: Factor, b: Factor) -> dict[str, float]:
    """Norms and effective ranks of both factors as they are kept, and A's norm over that of PEFT's random start."""
    norm_a, rank_a = _norm_and_rank(a)
    norm_b, rank_b = _norm_and_rank(b.T)
    start = norm_a * _PEFT_START / sqrt(max(1, a.shape[0]))
    return {"a_norm": norm_a, "a_rank": rank_a, "b_norm": norm_b, "b_rank": rank_b, "a_start_ratio": start}


def _norm_and_rank(rows: Factor) -> tuple[float, float]:
    """Frobenius norm of (r, d), and the exponential of the entropy of its squared singular values' shares."""
    wide = rows.astype(np.float64)
    squares = np.clip(np.linalg.eigvalsh(wide @ wide.T), 0.0, None)
    total = float(squares.sum())
    if total <= 0.0:
        return 0.0, 0.0
    shares = squares[squares > 0] / total
    return sqrt(total), float(np.exp(-np.sum(shares * np.log(shares))))


def _medians(apart: list[dict[str, float]]) -> dict[str, Any]:
    """Medians over modules, to 6 significant digits; empty without modules."""
    names = apart[0] if apart else {}
    return {name: float(f"{median(one[name] for one in apart):.6g}") for name in names}
