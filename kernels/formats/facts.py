"""The facts of an adapter, taken from its tensors; the configuration adds only what tensors cannot say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..methods import Recognition, by_id
from .canonical import Grouped
from .patterns import layer_index
from .peft import EMBEDDING_MODULES
from .safetensors_header import Header

_LAYERED = frozenset({"peft", "adapterhub", "mlx", "custom-sam"})


def build_facts(
    dialect: str, config: Mapping[str, Any], header: Header, grouped: Grouped, recognised: Recognition
) -> dict[str, Any]:
    """Everything of the facts but `base`, `is_noop` and `spectrum`, JSON-serialisable."""
    pairs = grouped.pairs
    modules = list(dict.fromkeys([pair.module for pair in pairs] + [m for m in grouped.module_of.values() if m]))
    copied = sum(header.tensors[name].size for name in grouped.saved)
    head_names = {f"{head}.{rest}" for head, tensors in grouped.heads.items() for rest in tensors}
    in_heads = sum(
        header.tensors[name].size for name in grouped.saved if _is_in(name, head_names) or grouped.format != "peft"
    )
    scales = {round(pair.scale, 9) for pair in pairs}
    return {
        "format": dialect,
        "method": recognised.method,
        "method_name": recognised.name,
        "options": list(recognised.options),
        "family": recognised.family,
        "level": recognised.level,
        "is_low_rank": recognised.is_low_rank,
        "peft_type": recognised.declared_type or _text(config.get("peft_type")),
        "peft_version": _text(config.get("peft_version")),
        **_ranks(grouped, header, recognised, config),
        "alpha": grouped.alpha,
        "scaling": scales.pop() if len(scales) == 1 else None,
        "target_modules": sorted({leaf(module) for module in modules} - {""}),
        "modules": len(modules),
        "layers": _layers(dialect, modules),
        "dtypes": dict(sorted(Counter(info.dtype for info in header.tensors.values()).items())),
        "parameters": sum(info.size for info in header.tensors.values()) - copied,
        "head_parameters": in_heads,
        "saved_parameters": copied - in_heads,
        "heads": [
            {"module": head, "tensors": {name: list(shape) for name, shape in sorted(tensors.items())}}
            for head, tensors in sorted(grouped.heads.items())
        ],
        "saved_modules": sorted({m for m in grouped.saved.values() if leaf(m) in EMBEDDING_MODULES}),
        "tensors": len(header.tensors),
        "weights_bytes": header.size_bytes,
        "task_type": _text(config.get("task_type")),
        "requirements": [[pair.module, pair.d_out, pair.d_in] for pair in pairs],
    }


def leaf(module: str) -> str:
    """The last component that is a name: `to_out` for `attn1.to_out.0`, nothing for a bare number."""
    if re.fullmatch(r"(unet|text_encoder):\d+", module):
        return ""
    if module.startswith("lora_"):
        return re.split(r"_\d+_", module)[-1]
    names = [part for part in module.split(".") if not part.isdigit()]
    return names[-1] if names else ""


def _is_in(name: str, heads: set[str]) -> bool:
    return any(name.endswith(head) for head in heads)


def _layers(dialect: str, modules: list[str]) -> list[int]:
    if dialect not in _LAYERED:
        return []
    found = {layer_index(module) for module in modules}
    return sorted(index for index in found if index is not None)


def _ranks(grouped: Grouped, header: Header, recognised: Recognition, config: Mapping[str, Any]) -> dict[str, Any]:
    by_module = {pair.module: pair.rank for pair in grouped.pairs}
    method = by_id().get(recognised.method)
    if not by_module and method is not None and method.rank_tensor:
        for name, module in grouped.module_of.items():
            shape = header.tensors[name].shape
            if method.rank_tensor in name.split(".") and len(shape) > method.rank_axis:
                by_module[module] = shape[method.rank_axis]
    counts = Counter(by_module.values())
    rank: int | None = max(counts) if counts else None
    if rank is None and recognised.family == "low-rank" and type(config.get("r")) is int:
        rank = config["r"]
    return {
        "rank": rank,
        "ranks": {str(value): count for value, count in sorted(counts.items())},
        "rank_by_module": by_module if len(counts) > 1 else {},
    }


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None
