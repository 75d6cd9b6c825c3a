"""Reading MLX folders: `lora_a` (d_in, r) and `lora_b` (r, d_out), transposed against PEFT, with one stored scale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .canonical import Grouped, Shapes, unknown_tensor
from .custom_sam import add_pair

_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<half>a|b)")


def group_mlx(config: Mapping[str, Any], shapes: Shapes) -> Grouped:
    """Pair factors and take the scale from `lora_parameters.scale` (20 where absent, MLX's own default)."""
    parameters = config.get("lora_parameters")
    scale = parameters.get("scale", 20.0) if isinstance(parameters, Mapping) else 20.0
    scale = float(scale) if isinstance(scale, int | float) else 20.0
    grouped = Grouped("mlx")
    halves: dict[str, dict[str, str]] = {}
    for name in shapes:
        match = _FACTOR.fullmatch(name)
        if match:
            halves.setdefault(match["module"], {})[match["half"]] = name
        elif name.endswith(".m"):
            grouped.method_tensors.append(name)
        elif config.get("fine_tune_type") == "full":
            grouped.saved[name] = name.rpartition(".")[0]
        else:
            grouped.findings.append(unknown_tensor(name, "MLX"))
    for module, found in sorted(halves.items()):
        wanted = (f"{module}.lora_a", f"{module}.lora_b")
        add_pair(grouped, module, found.get("a"), found.get("b"), shapes, wanted, scale=scale, is_transposed=True)
    return grouped
