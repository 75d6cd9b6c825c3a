"""Which container a file is in, decided by its configuration and tensor names, and the reader for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .adapterhub import group_adapterhub, is_adapterhub
from .canonical import Grouped, Shapes, unknown_tensor
from .cloneofsimo import group_cloneofsimo, is_cloneofsimo
from .custom_sam import group_custom_sam, is_custom_sam
from .diffusers import group_diffusers, is_diffusers
from .kohya import group_kohya, is_kohya
from .mlx import group_mlx
from .peft import ROOT, group_peft


def detect(config: Mapping[str, Any] | None, shapes: Shapes) -> str:
    """`peft`, `adapterhub`, `mlx`, `kohya`, `cloneofsimo`, `custom-sam`, `diffusers` or `unknown`."""
    if config:
        if "peft_type" in config:
            return "peft"
        if is_adapterhub(config):
            return "adapterhub"
        if "fine_tune_type" in config or "lora_parameters" in config:
            return "mlx"
    for name, test in (
        ("kohya", is_kohya), ("cloneofsimo", is_cloneofsimo), ("custom-sam", is_custom_sam), ("diffusers", is_diffusers)
    ):  # fmt: skip
        if test(shapes):
            return name
    return "peft" if any(name.startswith(ROOT) for name in shapes) else "unknown"


def group(dialect: str, config: Mapping[str, Any] | None, shapes: Shapes, scalar: Callable[[str], float]) -> Grouped:
    """Read the tensors of one file into canonical pairs, heads and the rest; `scalar` reads one stored number."""
    config = config or {}
    if dialect == "peft":
        return group_peft(config, shapes)
    if dialect == "adapterhub":
        return group_adapterhub(config, shapes)
    if dialect == "mlx":
        return group_mlx(config, shapes)
    if dialect == "kohya":
        return group_kohya(shapes, scalar)
    if dialect == "diffusers":
        return group_diffusers(shapes, scalar)
    if dialect == "cloneofsimo":
        return group_cloneofsimo(shapes)
    if dialect == "custom-sam":
        return group_custom_sam(shapes)
    return Grouped("unknown", findings=[unknown_tensor(name, "any format we know") for name in list(shapes)[:5]])
