"""Does an inspected adapter fit another base: quick, from recorded requirements, without numpy or the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .base_match import fits_pair
from .base_shapes import BaseShapes, ModuleShape
from .canonical import Grouped, LowRankPair
from .errors import Finding
from .sequence_match import resolve_by_order

_NUMBERED = {
    "custom-sam": re.compile(r"blocks\.\d+\.attn\.qkv\.[qv]"),
    "cloneofsimo": re.compile(r"(unet|text_encoder):\d+"),
}


def fits(requirements: Mapping[str, Any] | Sequence[Sequence[Any]], base: BaseShapes) -> list[Finding]:
    """Findings for every requirement `[module, d_out, d_in]` that `base` does not meet; an empty list fits.

    Takes the requirements themselves or an inspection's facts.
    """
    rows = requirements.get("requirements") or [] if isinstance(requirements, Mapping) else requirements
    wanted = [(str(module), int(d_out), int(d_in)) for module, d_out, d_in in rows]
    ordered = _by_order(wanted, base)
    findings: list[Finding] = []
    for module, d_out, d_in in wanted:
        found = base.find(module) if ordered is None else ordered.get(module)
        finding = _judge(module, d_out, d_in, found, base)
        if finding is not None:
            findings.append(finding)
    return findings


def _by_order(wanted: list[tuple[str, int, int]], base: BaseShapes) -> dict[str, tuple[str, ModuleShape]] | None:
    for dialect, name in _NUMBERED.items():
        if wanted and all(name.fullmatch(module) for module, _, _ in wanted):
            pairs = [LowRankPair(module, "", "", 1, d_in, d_out) for module, d_out, d_in in wanted]
            return resolve_by_order(Grouped(dialect, pairs=pairs), base)
    return None


def _judge(
    module: str, d_out: int, d_in: int, found: tuple[str, ModuleShape] | None, base: BaseShapes
) -> Finding | None:
    if found is None:
        return Finding(
            "module_unknown", "error", f"{base.id} has no module {module!r}.", "Choose the base it was trained on.",
            tensor=module, expected=f"a module of {base.id}", received=module,
        )  # fmt: skip
    path, row = found
    kinds = ("embedding", "linear") if row.kind == "embedding" else ("linear",)
    if any(fits_pair(kind, d_in, d_out, row, row.shape[2:]) for kind in kinds):
        return None
    return Finding(
        "shape_mismatch", "error", f"{path} of {base.id} is {row.d_out} x {row.d_in}; {d_out} x {d_in} is needed.",
        "Choose the base it was trained on.", tensor=module, expected=[row.d_out, row.d_in], received=[d_out, d_in],
    )  # fmt: skip
