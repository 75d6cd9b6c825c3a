"""Reading LoRA files of diffusers, both generations: attention processors, and PEFT names under a component."""

from __future__ import annotations

import re
from collections.abc import Callable

from .canonical import Grouped, Shapes, unknown_tensor
from .custom_sam import add_pair

COMPONENTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3", "prior")
_NAMES = (
    re.compile(r"(?P<path>.+)\.processor\.(?P<leaf>to_\w+?|add_\w+?_proj)_lora\.(?P<half>down|up)\.weight"),
    re.compile(r"(?P<path>.+)\.(?:lora|lora_linear_layer)\.(?P<half>down|up)\.weight"),
    re.compile(r"(?P<path>.+)\.lora_(?P<half>A|B)\.weight"),
)
_SIDE = {"down": "a", "up": "b", "A": "a", "B": "b"}


def is_diffusers(shapes: Shapes) -> bool:
    """Whether any tensor is an attention-processor factor, or sits under a pipeline's component."""
    return any(
        ".processor." in name or ".lora.down." in name or ".lora_linear_layer." in name
        or (name.split(".")[0] in COMPONENTS and ".lora_A." in name)
        for name in shapes
    )  # fmt: skip


def group_diffusers(shapes: Shapes, scalar: Callable[[str], float]) -> Grouped:
    """Pair factors; the scale is alpha / r where an `.alpha` scalar is stored, else 1.

    Modules are named with their component: `unet.down_blocks...`. `scalar` reads one stored number.
    """
    grouped = Grouped("diffusers")
    halves: dict[str, dict[str, str]] = {}
    alphas: dict[str, str] = {}
    for name in shapes:
        match = next((found for found in (expression.fullmatch(name) for expression in _NAMES) if found), None)
        if match:
            halves.setdefault(_module(match), {})[_SIDE[match["half"]]] = name
        elif name.endswith((".alpha", ".network_alpha")):
            alphas[_with_component(name.rsplit(".", 1)[0])] = name
        elif name.endswith(("lora_magnitude_vector", "lora_magnitude_vector.weight", ".dora_scale")):
            grouped.method_tensors.append(name)
        else:
            grouped.findings.append(unknown_tensor(name, "diffusers"))
    for module, found in sorted(halves.items()):
        scale = 1.0
        if module in alphas and "a" in found:
            scale = scalar(alphas[module]) / max(1, shapes[found["a"]][0])
        add_pair(grouped, module, found.get("a"), found.get("b"), shapes, _wanted(found), scale=scale)
    return grouped


def _module(match: re.Match[str]) -> str:
    leaf = match.groupdict().get("leaf")
    path = match["path"].removesuffix(".processor")
    if leaf:
        path = f"{path}.to_out.0" if leaf == "to_out" else f"{path}.{leaf}"
    return _with_component(path)


def _with_component(path: str) -> str:
    return path if path.split(".")[0] in COMPONENTS else f"unet.{path}"


def _wanted(found: dict[str, str]) -> tuple[str, str]:
    present = next(iter(found.values()))
    swaps = ((".down.", ".up."), ("lora_A", "lora_B"))
    down, up = present, present
    for left, right in swaps:
        down, up = down.replace(right, left), up.replace(left, right)
    return down, up
