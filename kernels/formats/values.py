"""Looking at the numbers: finite everywhere, and does the adapter change anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from ..methods import Method
from ..spectrum import Spectrum, spectrum_of
from .canonical import Grouped, LowRankPair
from .errors import Finding
from .safetensors_header import FLOAT_DTYPES, Header
from .tensor_data import iter_chunks, read_tensor

MAX_LISTED = 20  # findings of one code in a report


@dataclass
class Values:
    """What one pass over the data showed: names of tensors that are all zero, all one, or not finite."""

    zero: set[str] = field(default_factory=set)
    one: set[str] = field(default_factory=set)
    not_finite: list[str] = field(default_factory=list)


def scan(path: Path, header: Header, progress: Callable[[float], None] | None = None) -> Values:
    """Stream every tensor once, in bounded chunks."""
    values = Values()
    done, total = 0, max(1, header.size_bytes - header.data_start)
    for name, info in sorted(header.tensors.items(), key=lambda item: item[1].start):
        is_zero, is_one, is_finite = True, True, True
        for chunk in iter_chunks(path, header, name):
            is_zero = is_zero and not chunk.any()
            is_one = is_one and bool((chunk == 1).all())
            if info.dtype in FLOAT_DTYPES and is_finite:
                is_finite = bool(np.isfinite(chunk).all())
        if is_zero:
            values.zero.add(name)
        if is_one:
            values.one.add(name)
        if not is_finite:
            values.not_finite.append(name)
        done += info.end - info.start
        if progress:
            progress(done / total)
    return values


def finite_findings(values: Values) -> list[Finding]:
    """One finding for every tensor with NaN or infinity, up to a limit."""
    return [
        Finding(
            "not_finite",
            "error",
            f"{name!r} holds NaN or infinity.",
            "Training diverged; publish an earlier checkpoint.",
            tensor=name,
            expected="finite numbers",
        )
        for name in values.not_finite
    ]


def inert_modules(grouped: Grouped, method: Method | None, values: Values) -> tuple[list[str], int]:
    """(modules whose update is exactly zero, number of modules judged)."""
    judged: dict[str, bool] = {}
    for pair in grouped.pairs:
        names = [name for name in (pair.a_name, pair.b_name, pair.middle_name) if name]
        judged[pair.module] = pair.scale == 0 or any(name in values.zero for name in names)
    for name in grouped.method_tensors:  # lora_bias: the update has a bias of its own
        if name.endswith(".lora_B.bias") and name not in values.zero:
            judged[grouped.module_of[name]] = False
    if method is not None and not grouped.pairs:
        for name in grouped.method_tensors:
            parts = set(name.split("."))
            module = grouped.module_of.get(name, name)
            if parts & set(method.inert_when_zero):
                judged[module] = judged.get(module, False) or name in values.zero
            elif parts & set(method.inert_when_one):
                judged[module] = judged.get(module, False) or name in values.one
    return [module for module, is_inert in judged.items() if is_inert], len(judged)


def noop_findings(grouped: Grouped, inert: list[str], judged: int) -> list[Finding]:
    """`changes_nothing` when every module is inert, a warning when some are."""
    if not judged or not inert:
        return []
    first = next((pair for pair in grouped.pairs if pair.module in inert), None)
    if len(inert) == judged:
        return [
            Finding(
                "changes_nothing",
                "error",
                f"All {judged} updates are zero: this adapter changes nothing.",
                "Was it saved before training, were the wrong weights saved, or is lora_alpha 0?",
                tensor=first.b_name if first else None,
                expected="at least one non-zero update",
                received=f"{judged} of {judged} zero",
            )
        ]
    return [
        Finding(
            "partly_inert",
            "warning",
            f"{len(inert)} of {judged} updates are zero, {inert[0]} among them.",
            "Were all targeted modules trained?",
            tensor=first.b_name if first else None,
        )
    ]


def spectra(path: Path, header: Header, grouped: Grouped) -> dict[str, Any]:
    """`{"modules": {path: {...}}, "norm": total}` of all pairs, scales folded in."""
    modules: dict[str, Any] = {}
    total = 0.0
    for pair in grouped.pairs:
        spectrum = _pair_spectrum(path, header, pair)
        total += spectrum.norm**2
        modules[pair.module] = spectrum.as_dict()
    return {"modules": modules, "norm": float(f"{sqrt(total):.6g}")}


def factors(path: Path, header: Header, pair: LowRankPair) -> tuple[Any, Any]:
    """A (r, d_in * kernel) and B (d_out, r) of a pair in the canonical orientation."""
    a, b = read_tensor(path, header, pair.a_name), read_tensor(path, header, pair.b_name)
    if pair.is_transposed:
        a, b = a.T, b.T
    a, b = a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1) if b.ndim > 2 else b
    if pair.middle_name is not None:
        a = a * read_tensor(path, header, pair.middle_name).reshape(-1, 1)
    return a, b


def _pair_spectrum(path: Path, header: Header, pair: LowRankPair) -> Spectrum:
    a, b = factors(path, header, pair)
    return spectrum_of(a, b, pair.scale)
