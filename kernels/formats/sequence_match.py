"""Finding the base's modules for dialects that only number their pairs: order and widths decide."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .base_shapes import BaseShapes, ModuleShape
from .canonical import Grouped, LowRankPair

Resolved = dict[str, tuple[str, ModuleShape]]
_BLOCK_ORDERS = (("down_blocks", "up_blocks", "mid_block"), ("down_blocks", "mid_block", "up_blocks"))
_INNER_ORDERS = (("attn1", "ff", "attn2"), ("attn1", "attn2", "ff"))
_UNET_LEAF = re.compile(r"\.(?P<part>attn1|attn2|ff)\.(?P<leaf>to_q|to_k|to_v|to_out\.0|net\.0\.proj)$")
_LEAVES = ("to_q", "to_k", "to_v", "to_out.0", "net.0.proj")
_TEXT_LEAVES = ("k_proj", "v_proj", "q_proj", "out_proj")


def resolve_by_order(grouped: Grouped, base: BaseShapes) -> Resolved | None:
    """Pair module -> (base path, shape); None for dialects that name their modules."""
    if grouped.format == "custom-sam":
        return _fused_attention(grouped.pairs, base)
    if grouped.format == "cloneofsimo":
        return _stable_diffusion(grouped.pairs, base)
    return None


def natural(path: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key with numbers by value."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in path.split("."))


def _fused_attention(pairs: list[LowRankPair], base: BaseShapes) -> Resolved:
    """Query and value parts of block i's fused qkv (3 d, d), or its separate projections."""
    fused = sorted((path for path in base.modules if path.endswith(".qkv")), key=natural)
    parts = {
        "q": sorted((path for path in base.modules if re.search(r"\.(query|q_proj)$", path)), key=natural),
        "v": sorted((path for path in base.modules if re.search(r"\.(value|v_proj)$", path)), key=natural),
    }
    resolved: Resolved = {}
    for pair in pairs:
        block, which = int(pair.module.split(".")[1]), pair.module.rsplit(".", 1)[-1]
        if fused and block < len(fused):
            row = base.modules[fused[block]]
            resolved[pair.module] = (
                fused[block],
                ModuleShape("linear", (row.shape[0] // 3, *row.shape[1:]), row.has_bias),
            )
        elif not fused and block < len(parts[which]):
            resolved[pair.module] = parts[which][block], base.modules[parts[which][block]]
    return resolved


def _stable_diffusion(pairs: list[LowRankPair], base: BaseShapes) -> Resolved:
    """Numbers follow the order of a U-Net's modules, which changed between versions: the order that fits wins."""
    resolved: Resolved = {}
    for part, orders in (("unet", _unet_orders(base)), ("text_encoder", iter([_text_order(base)]))):
        mine = [pair for pair in pairs if pair.module.startswith(part + ":")]
        candidates = [
            dict(zip([pair.module for pair in sorted(mine, key=_number)], order, strict=False)) for order in orders
        ]
        if not mine or not candidates:
            continue
        best = max(candidates, key=lambda table: sum(_fits(pair, table, base) for pair in mine))
        resolved |= {module: (path, base.modules[path]) for module, path in best.items()}
    return resolved


def _number(pair: LowRankPair) -> int:
    return int(pair.module.split(":")[1])


def _fits(pair: LowRankPair, table: dict[str, str], base: BaseShapes) -> bool:
    path = table.get(pair.module)
    return path is not None and base.modules[path].shape[:2] == (pair.d_out, pair.d_in)


def _unet_orders(base: BaseShapes) -> Iterator[list[str]]:
    paths = [path for path in base.modules if path.startswith("unet.") and _UNET_LEAF.search(path)]
    for blocks in _BLOCK_ORDERS:
        for inner in _INNER_ORDERS:
            yield sorted(paths, key=lambda path: _unet_key(path, blocks, inner))


def _unet_key(path: str, blocks: tuple[str, ...], inner: tuple[str, ...]) -> tuple[object, ...]:
    match = _UNET_LEAF.search(path)
    if match is None:
        return ()
    stem = path[: match.start()].split(".")
    block = blocks.index(stem[1]) if stem[1] in blocks else len(blocks)
    return block, natural(".".join(stem[2:])), inner.index(match["part"]), _LEAVES.index(match["leaf"])


def _text_order(base: BaseShapes) -> list[str]:
    paths = [
        path for path in base.modules if path.startswith("text_encoder.") and path.rsplit(".", 1)[-1] in _TEXT_LEAVES
    ]
    return sorted(
        paths, key=lambda path: (natural(path.rsplit(".", 1)[0]), _TEXT_LEAVES.index(path.rsplit(".", 1)[-1]))
    )
