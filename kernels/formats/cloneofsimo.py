"""Reading the first Stable Diffusion LoRA files: `unet:<i>:down`, order is the only key."""

from __future__ import annotations

import re

from .canonical import Grouped, Shapes, unknown_tensor
from .custom_sam import add_pair

_FACTOR = re.compile(r"(?P<part>unet|text_encoder):(?P<number>\d{1,5}):(?P<half>down|up)")
_TOKEN = re.compile(r"<[\w\-]{1,64}>")


def is_cloneofsimo(shapes: Shapes) -> bool:
    """Whether any tensor is named by component and number."""
    return any(_FACTOR.fullmatch(name) for name in shapes)


def group_cloneofsimo(shapes: Shapes) -> Grouped:
    """Pair factors by component and number, scale 1; `<token>` vectors are textual inversions."""
    grouped = Grouped("cloneofsimo")
    halves: dict[tuple[str, int], dict[str, str]] = {}
    for name in shapes:
        match = _FACTOR.fullmatch(name)
        if match:
            halves.setdefault((match["part"], int(match["number"])), {})[match["half"]] = name
        elif _TOKEN.fullmatch(name) and len(shapes[name]) == 1:
            grouped.saved[name] = name
        else:
            grouped.findings.append(unknown_tensor(name, "this dialect"))
    for (part, number), found in sorted(halves.items()):
        module = f"{part}:{number}"
        add_pair(grouped, module, found.get("down"), found.get("up"), shapes, (f"{module}:down", f"{module}:up"))
    return grouped
