"""Matching PEFT's rank and alpha patterns without letting an uploaded expression run away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MAX_CHARS = 300
_REPEATED_GROUP = re.compile(r"\)\s*[*+{?]")


def is_safe_pattern(pattern: str) -> bool:
    """Whether evaluating `pattern` on short names is cheap: no repeated groups, at most two open repeats."""
    if len(pattern) > _MAX_CHARS or _REPEATED_GROUP.search(pattern) or re.search(r"\\[1-9]|\(\?", pattern):
        return False
    if sum(pattern.count(sign) for sign in "*+{") > 2:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def lookup(patterns: Mapping[str, Any], module: str, default: Any) -> Any:
    """The value of the first pattern that ends `module`, as PEFT resolves `rank_pattern` and `alpha_pattern`."""
    for pattern, value in patterns.items():
        if is_safe_pattern(pattern) and re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def ends_with(path: str, name: str) -> bool:
    """Whether `name` is the whole of `path` or its last components."""
    return path == name or path.endswith("." + name)


def layer_index(path: str) -> int | None:
    """The first number among a module path's components: the layer, in nearly every architecture."""
    for part in re.split(r"[.:_]", path):
        if part.isdigit():
            return int(part)
    return None
