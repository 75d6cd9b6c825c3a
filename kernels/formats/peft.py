"""Reading PEFT folders: which tensor is a factor of what, what is a head, and what nobody wrote."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..methods import Method, methods
from .canonical import (
    Grouped,
    LowRankPair,
    Shapes,
    missing_half,
    not_a_factor,
    unequal_inner,
    unknown_tensor,
)
from .patterns import lookup

ROOT = "base_model.model."
PROMPT_ROOT = "base_model."  # prompt methods wrap the model itself, without a tuner between
_FACTOR = re.compile(r"^(?P<module>.+)\.lora_(?P<half>A|B)\.weight$")
_BARE_FACTOR = re.compile(r"^(?P<module>.+)\.lora_(?P<half>A|B|E)$")
_EMBEDDING_FACTOR = re.compile(r"^(?P<module>.+)\.lora_embedding_(?P<half>A|B)$")
_AUTO_HEADS = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}
_COMPANIONS = frozenset(
    {
        "lora_magnitude_vector", "lora_diag", "lora_velora_embed", "lora_monteclora_sampler",
        "trainable_tokens_delta", "token_adapter", "lora_ranknum",
    }
)  # fmt: skip
EMBEDDING_MODULES = ("embed_tokens", "lm_head", "word_embeddings", "wte", "shared", "embed_in", "embed_out")


def group_peft(config: Mapping[str, Any], shapes: Shapes) -> Grouped:
    """Group a PEFT file's tensors; findings name missing halves, unequal ranks and unknown keys."""
    grouped = Grouped("peft", alpha=_number(config.get("lora_alpha", config.get("alpha"))))
    halves: dict[str, dict[str, str]] = {}
    method = _declared(config)
    is_prompt = method is not None and method.family == "prompt"
    for name in shapes:
        path = name.removeprefix(ROOT)
        factor = _factor_of(path)
        if factor is not None and name.startswith(ROOT):
            halves.setdefault(factor[0], {})[factor[1]] = name
        elif not _claim_method_tensor(grouped, name, path, method):
            root = PROMPT_ROOT if is_prompt and not name.startswith(ROOT) else ROOT
            _claim_full_copy(grouped, name, root, config)
    for module, found in halves.items():
        _pair_up(grouped, module, found, shapes, config)
    _group_heads(grouped, config, shapes)
    return grouped


def saved_names(config: Mapping[str, Any]) -> list[str]:
    """Names of modules stored as full copies: `modules_to_save` and those PEFT adds by task type."""
    named = config.get("modules_to_save")
    listed = [str(name) for name in named] if isinstance(named, list) else []
    return list(dict.fromkeys([*listed, *_AUTO_HEADS.get(str(config.get("task_type")), ())]))


def scale_of(config: Mapping[str, Any], module: str, rank: int) -> float:
    """PEFT's scaling of one module: alpha / r, or alpha / sqrt(r) for rsLoRA (2312.03732)."""
    alpha = _number(lookup(_table(config, "alpha_pattern"), module, config.get("lora_alpha", 8))) or 0.0
    if config.get("peft_type") == "ADALORA":
        return (alpha if alpha > 0 else float(rank)) / (rank + 1e-5)
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def rank_of(config: Mapping[str, Any], module: str) -> int | None:
    """The rank that the config declares for a module, None when it declares none."""
    default = config.get("init_r") if config.get("peft_type") == "ADALORA" else config.get("r")
    rank = lookup(_table(config, "rank_pattern"), module, default)
    return rank if isinstance(rank, int) and not isinstance(rank, bool) else None


def _table(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _declared(config: Mapping[str, Any]) -> Method | None:
    return next((row for row in methods() if row.peft_type == config.get("peft_type") and row.section == "peft"), None)


def _factor_of(path: str) -> tuple[str, str] | None:
    for expression in (_FACTOR, _BARE_FACTOR, _EMBEDDING_FACTOR):
        match = expression.match(path)
        if match:
            prefix = "embedding" if expression is _EMBEDDING_FACTOR else ""
            return match["module"], prefix + match["half"]
    return None


def _claim_method_tensor(grouped: Grouped, name: str, path: str, method: Method | None) -> bool:
    """Take a tensor that belongs to the declared method or to an option of LoRA."""
    known = _COMPANIONS if method is None or method.id == "lora" else _COMPANIONS | frozenset(method.tensors)
    parts = path.removeprefix("base_model.").split(".")
    at = next((index for index, part in enumerate(parts) if part in known), None)
    if at is None and re.search(r"\.lora_[AB]\.bias$", path):
        at = len(parts) - 2
    if at is None:
        return False
    grouped.method_tensors.append(name)
    grouped.module_of[name] = ".".join(parts[:at])
    return True


def _claim_full_copy(grouped: Grouped, name: str, root: str, config: Mapping[str, Any]) -> None:
    """Take a full copy (head, embedding, bias), or report a tensor that no rule explains."""
    path = name.removeprefix(root)
    module, _, last = path.rpartition(".")
    module = module.removesuffix(".base_layer")
    components = path.split(".")
    is_embedding = last == "weight" and module.rsplit(".", 1)[-1] in EMBEDDING_MODULES
    is_bias = last == "bias" and config.get("bias", "none") not in (None, "none")
    is_named = any(_saved_root(path, listed) for listed in saved_names(config))
    looks_like_factor = any(part.startswith(("lora_", "hada_", "lokr_")) for part in components)
    if name.startswith(root) and module and not looks_like_factor and (is_named or is_embedding or is_bias):
        grouped.saved[name] = module
    else:
        grouped.findings.append(unknown_tensor(name, "PEFT with this configuration"))


def _saved_root(path: str, listed: str) -> str | None:
    """The prefix of `path` that a name of `modules_to_save` selects, by PEFT's suffix rule."""
    parts = path.split(".")
    for end in range(1, len(parts)):
        if ".".join(parts[:end]).endswith(listed):
            return ".".join(parts[:end])
    return None


def _pair_up(grouped: Grouped, module: str, found: dict[str, str], shapes: Shapes, config: Mapping[str, Any]) -> None:
    for prefix, kind in (("", "linear"), ("embedding", "embedding")):
        a_name, b_name = found.get(prefix + "A"), found.get(prefix + "B")
        if a_name is None and b_name is None:
            continue
        if a_name is None or b_name is None:
            present = a_name or b_name or ""
            absent = re.sub(r"_(A|B)(\.weight)?$", lambda m: f"_{'B' if m[1] == 'A' else 'A'}{m[2] or ''}", present)
            grouped.findings.append(missing_half(present, absent, module))
            continue
        pair = _make_pair(grouped, module, kind, (a_name, b_name), shapes, config)
        if pair is not None:
            grouped.pairs.append(pair)
    middle = found.get("E")
    if middle is not None:
        grouped.method_tensors.append(middle)
        grouped.module_of[middle] = module
        if grouped.pairs and grouped.pairs[-1].module == module:
            last = grouped.pairs.pop()
            grouped.pairs.append(LowRankPair(**{**last.__dict__, "middle_name": middle}))


def _make_pair(
    grouped: Grouped, module: str, kind: str, names: tuple[str, str], shapes: Shapes, config: Mapping[str, Any]
) -> LowRankPair | None:
    a_name, b_name = names
    a_shape, b_shape = shapes[a_name], shapes[b_name]
    for name, shape in ((a_name, a_shape), (b_name, b_shape)):
        if len(shape) < 2:
            grouped.findings.append(not_a_factor(module, name, shape))
            return None
    rank = a_shape[0]
    if b_shape[1] != rank:
        grouped.findings.append(unequal_inner(module, a_name, rank, b_name, b_shape[1]))
        return None
    if len(a_shape) > 2:
        kind = "conv2d"
    return LowRankPair(
        module, a_name, b_name, rank, a_shape[1], b_shape[0], scale_of(config, module, rank), kind, kernel=a_shape[2:]
    )


def _group_heads(grouped: Grouped, config: Mapping[str, Any], shapes: Shapes) -> None:
    for name, module in grouped.saved.items():
        path = name.removeprefix(ROOT).removeprefix(PROMPT_ROOT)
        if module.rsplit(".", 1)[-1] in EMBEDDING_MODULES:
            continue
        roots = [root for root in (_saved_root(path, listed) for listed in saved_names(config)) if root]
        if roots:
            root = min(roots, key=len)
            grouped.heads.setdefault(root, {})[path.removeprefix(root + ".")] = shapes[name]
