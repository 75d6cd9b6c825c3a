"""Reading kohya files: `lora_unet_..._to_q.lora_down.weight` with one `.alpha` per module."""

from __future__ import annotations

import re
from collections.abc import Callable

from .canonical import Grouped, Shapes, unknown_tensor
from .custom_sam import add_pair

_NAME = re.compile(r"(?P<module>lora_(?:unet|te\d?|prior)_\w+)\.(?P<part>[\w.]+)")
_LYCORIS = re.compile(r"(hada_w[12]_[ab]|hada_t[12]|lokr_w[12](_[ab])?|lokr_t2)")
COMPONENT = {"lora_unet": "unet", "lora_te": "text_encoder", "lora_te1": "text_encoder", "lora_te2": "text_encoder_2"}


def is_kohya(shapes: Shapes) -> bool:
    """Whether any tensor is named the way kohya's trainers do."""
    return any(_NAME.fullmatch(name) for name in shapes)


def group_kohya(shapes: Shapes, scalar: Callable[[str], float]) -> Grouped:
    """Pair `lora_down` (r, d_in) with `lora_up` (d_out, r); scale = alpha / r. `scalar` reads one stored number."""
    grouped = Grouped("kohya")
    halves: dict[str, dict[str, str]] = {}
    for name in shapes:
        match = _NAME.fullmatch(name)
        part = match["part"].removesuffix(".weight") if match else ""
        if match and part in ("lora_down", "lora_up", "alpha"):
            halves.setdefault(match["module"], {})[part] = name
        elif match and (part in ("dora_scale", "lora_mid") or _LYCORIS.fullmatch(part)):
            grouped.method_tensors.append(name)
            grouped.module_of[name] = match["module"]
        else:
            grouped.findings.append(unknown_tensor(name, "kohya"))
    lycoris = set(grouped.module_of.values())
    for module, found in sorted(halves.items()):
        if module in lycoris and set(found) == {"alpha"}:
            grouped.method_tensors.append(found["alpha"])
            continue
        scale = 1.0
        if "alpha" in found and "lora_down" in found and shapes[found["lora_down"]]:
            scale = scalar(found["alpha"]) / max(1, shapes[found["lora_down"]][0])
        wanted = (f"{module}.lora_down.weight", f"{module}.lora_up.weight")
        add_pair(grouped, module, found.get("lora_down"), found.get("lora_up"), shapes, wanted, scale=scale)
    return grouped


def dotted(module: str, paths: dict[str, str]) -> str:
    """The base's own path for an underscored kohya name; `paths` maps underscored to dotted. Unchanged if unknown."""
    for prefix, component in sorted(COMPONENT.items(), key=lambda item: -len(item[0])):
        if module.startswith(prefix + "_"):
            return paths.get(f"{component}_{module[len(prefix) + 1 :]}", module)
    return module
