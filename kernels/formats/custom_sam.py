"""Reading the bare `w_a_000` / `w_b_000` files of SAM and ViT LoRA trainers: pairs by number, no configuration.

The trainers put two pairs on every block, the query's and then the value's, on one fused qkv projection.
"""

from __future__ import annotations

import re

from .canonical import Grouped, LowRankPair, Shapes, missing_half, not_a_factor, unequal_inner, unknown_tensor

_FACTOR = re.compile(r"w_(?P<half>a|b)_(?P<number>\d{1,4})")
_HEAD = re.compile(r"(?P<module>fc_\d+in_\d+out|fc|head)\.?(weight|bias)?")


def is_custom_sam(shapes: Shapes) -> bool:
    """Whether any tensor is named the way these trainers do."""
    return any(_FACTOR.fullmatch(name) for name in shapes)


def group_custom_sam(shapes: Shapes) -> Grouped:
    """Pair factors by number; A (r, d_in), B (d_out, r), scale 1."""
    grouped = Grouped("custom-sam")
    halves: dict[int, dict[str, str]] = {}
    for name in shapes:
        match = _FACTOR.fullmatch(name)
        if match:
            halves.setdefault(int(match["number"]), {})[match["half"]] = name
        elif head := _HEAD.fullmatch(name):
            grouped.saved[name] = head["module"]
            grouped.heads.setdefault(head["module"], {})[name] = shapes[name]
        else:
            grouped.findings.append(unknown_tensor(name, "a SAM or ViT LoRA trainer"))
    for number, found in sorted(halves.items()):
        module = f"blocks.{number // 2}.attn.qkv.{'qv'[number % 2]}"
        add_pair(grouped, module, found.get("a"), found.get("b"), shapes, (f"w_a_{number:03}", f"w_b_{number:03}"))
    return grouped


def add_pair(
    grouped: Grouped,
    module: str,
    a_name: str | None,
    b_name: str | None,
    shapes: Shapes,
    wanted: tuple[str, str],
    *,
    scale: float = 1.0,
    is_transposed: bool = False,
) -> None:
    """Append the pair, or the finding that says why it is none; `wanted` names both halves for the message."""
    if a_name is None or b_name is None:
        present, absent = (a_name, wanted[1]) if a_name else (b_name, wanted[0])
        grouped.findings.append(missing_half(present or "", absent, module))
        return
    for name in (a_name, b_name):
        if len(shapes[name]) < 2:
            grouped.findings.append(not_a_factor(module, name, shapes[name]))
            return
    a_shape, b_shape = shapes[a_name], shapes[b_name]
    if is_transposed:
        a_shape, b_shape = a_shape[::-1], b_shape[::-1]
    rank = a_shape[0]
    if b_shape[1] != rank:
        grouped.findings.append(unequal_inner(module, a_name, rank, b_name, b_shape[1]))
        return
    kind, kernel = ("conv2d", a_shape[2:]) if len(a_shape) > 2 else ("linear", ())
    grouped.pairs.append(
        LowRankPair(module, a_name, b_name, rank, a_shape[1], b_shape[0], scale, kind, is_transposed, tuple(kernel))
    )
