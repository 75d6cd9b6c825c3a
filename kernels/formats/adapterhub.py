"""Reading folders of the adapters library: the adapter's own name is part of every key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .canonical import Grouped, Shapes, unknown_tensor
from .custom_sam import add_pair

_LORA = re.compile(r"(?P<module>.+)\.loras\.(?P<name>[^.]+)\.lora_(?P<half>A|B)")
_OWN = (
    "adapters", "loras", "prefix_tunings", "prompt_tunings", "refts", "invertible_adapters", "shared_parameters",
    "prefix_gates", "adapter_fusion_layer", "attention_text_task_adapters", "attention_text_lang_adapters",
    "layer_text_task_adapters", "layer_text_lang_adapters", "invertible_lang_adapters",
)  # fmt: skip
_SIMPLE = {"prompt_tuning": "prompt-tuning-ah", "mtl_lora": "mtl-lora"}


def is_adapterhub(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is the adapters library's."""
    return isinstance(config.get("config"), Mapping) and ("model_class" in config or "model_name" in config)


def method_of(config: Mapping[str, Any], names: Iterable[str]) -> str:
    """The registry id for a configuration of the adapters library, tensors deciding between near relatives."""
    inner = config.get("config")
    inner = inner if isinstance(inner, Mapping) else {}
    architecture = inner.get("architecture")
    text = "\n".join(names)
    if architecture == "lora":
        if inner.get("composition_mode") == "scale":
            return "ia3-ah"
        is_dora = bool(inner.get("use_dora")) or ".m.weight" in text
        if inner.get("vera_d") is not None or "vera_D" in text:
            return "dvora" if is_dora else "vera-ah"
        return "dora-ah" if is_dora else "lora-ah"
    if architecture == "prefix_tuning":
        return "prefix-tuning-flat-ah" if inner.get("flat") else "prefix-tuning-ah"
    if architecture == "reft":
        if inner.get("orthogonality", True):
            return "loreft"
        return "noreft" if inner.get("subtract_projection", True) else "direft"
    if architecture == "union":
        return "unipelt" if "gate" in text or "loras" in text else "mam"
    return _SIMPLE.get(str(architecture), "") or _bottleneck(inner)


def _bottleneck(inner: Mapping[str, Any]) -> str:
    has_attention = bool(inner.get("mh_adapter"))
    if inner.get("phm_layer"):
        return "compacter" if has_attention else "compacter-pp"
    if inner.get("scaling") == "channel":
        return "adapter-plus"
    if inner.get("is_parallel"):
        return "bottleneck-parallel-scaled" if inner.get("scaling") == "learned" else "bottleneck-parallel"
    name = "bottleneck-houlsby" if has_attention else "bottleneck-pfeiffer"
    return f"{name}-inv" if inner.get("inv_adapter") else name


def group_adapterhub(config: Mapping[str, Any], shapes: Shapes) -> Grouped:
    """Pair LoRA factors (scale alpha / r); everything else with the adapter's name is a method tensor."""
    inner = config["config"]
    alpha = inner.get("alpha")
    grouped = Grouped("adapterhub", alpha=float(alpha) if isinstance(alpha, int | float) else None)
    is_additive = inner.get("architecture") == "lora" and inner.get("composition_mode", "add") == "add"
    halves: dict[str, dict[str, str]] = {}
    for name, shape in shapes.items():
        match = _LORA.fullmatch(name)
        parts = name.split(".")
        at = next((index for index, part in enumerate(parts) if part in _OWN), None)
        if match and is_additive:
            halves.setdefault(match["module"], {})[match["half"]] = name
        elif at is not None:
            grouped.method_tensors.append(name)
            grouped.module_of[name] = ".".join(parts[:at])
        elif "heads" in parts:
            root = ".".join(parts[: parts.index("heads") + 2])
            grouped.saved[name] = root
            grouped.heads.setdefault(root, {})[name.removeprefix(root + ".")] = shape
        else:
            grouped.findings.append(unknown_tensor(name, "the adapters library"))
    for module, found in sorted(halves.items()):
        a_name, b_name = found.get("A"), found.get("B")
        rank = shapes[a_name][0] if a_name and shapes[a_name] else 1
        any_name = (a_name or b_name or "")[:-1]
        scale = (grouped.alpha or 8.0) / max(1, rank)
        add_pair(grouped, module, a_name, b_name, shapes, (f"{any_name}A", f"{any_name}B"), scale=scale)
    return grouped
