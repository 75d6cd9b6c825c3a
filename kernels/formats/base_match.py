"""Checking an adapter's tensors against a base model's shape table, naming tensor, module and both shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .base_shapes import BaseShapes, ModuleShape
from .canonical import Grouped, LowRankPair, Shapes
from .errors import Finding
from .kohya import dotted
from .peft import EMBEDDING_MODULES
from .sequence_match import resolve_by_order

_PLAIN_HEADS = frozenset({"classifier", "score", "qa_outputs", "pre_classifier"})


@dataclass
class Match:
    """Outcome of a comparison: how many tensors were checked, how many did not fit, and where modules live."""

    checked: int = 0
    unmatched: int = 0
    resolved: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def fail(self, finding: Finding) -> None:
        """Count and note a tensor that does not fit."""
        self.unmatched += 1
        self.findings.append(finding)


def match_base(grouped: Grouped, shapes: Shapes, base: BaseShapes, unchecked: frozenset[str] = frozenset()) -> Match:
    """Compare every pair and full copy with the table; `unchecked` names modules that need PEFT to judge."""
    match = Match()
    ordered = resolve_by_order(grouped, base)
    underscored = {path.replace(".", "_"): path for path in base.modules} if grouped.format == "kohya" else {}
    for pair in grouped.pairs:
        if pair.module in unchecked:
            continue
        if ordered is not None:
            where = ordered.get(pair.module)
            found = (where[0], where[1]) if where else None
        else:
            path = dotted(pair.module, underscored) if underscored else pair.module
            found = base.find(path.removesuffix(".base_layer"))
        _check_pair(match, pair, found, shapes, base)
    for name, module in grouped.saved.items():
        _check_copy(match, name, module, shapes[name], base)
    for name in grouped.method_tensors:
        if name.split(".")[-1] == "prompt_embeddings" or name == "prompt_embeddings":
            _check_prompt(match, name, shapes[name], base)
    return match


def fits_pair(kind: str, d_in: int, d_out: int, row: ModuleShape, kernel: tuple[int, ...] = ()) -> bool:
    """Whether an update (d_out, d_in) applies to a module's weight."""
    shape = row.shape
    if len(shape) < 2:
        return False
    if kind == "embedding":
        return (d_in, d_out) == (shape[0], shape[1])
    window = shape[2:]
    if window and kernel != window and not (not kernel and set(window) == {1}):
        return False
    if kernel and not window and set(kernel) != {1}:
        return False
    if row.kind == "conv1d":
        return (d_in, d_out) == (shape[0], shape[1])
    return (d_out, d_in) == (shape[0], shape[1])


def _check_pair(
    match: Match, pair: LowRankPair, found: tuple[str, ModuleShape] | None, shapes: Shapes, base: BaseShapes
) -> None:
    if found is None:
        if not _PLAIN_HEADS & set(pair.module.split(".")):  # a task head is the adapter's own, not the base's
            match.fail(_unknown_module(pair.a_name, pair.module, base))
        return
    path, row = found
    match.resolved[pair.module] = path
    match.checked += 2
    if fits_pair(pair.kind, pair.d_in, pair.d_out, row, pair.kernel):
        return
    wanted = (row.d_in, row.d_out) if pair.kind != "embedding" else (row.shape[0], row.shape[-1])
    is_a_wrong = pair.d_in != wanted[0] or (bool(pair.kernel) and pair.kernel != row.shape[2:])
    tensor = pair.a_name if is_a_wrong else pair.b_name
    expected: list[int] = [pair.rank, wanted[0], *(row.shape[2:])] if is_a_wrong else [wanted[1], pair.rank]
    if pair.is_transposed:
        expected = expected[::-1]
    match.fail(_mismatch(tensor, path, expected, shapes[tensor], base, row.shape))


def _check_copy(match: Match, name: str, module: str, shape: tuple[int, ...], base: BaseShapes) -> None:
    last = module.rsplit(".", 1)[-1]
    if last in EMBEDDING_MODULES and name.endswith(".weight"):
        found = base.find(module)
        if found is None:
            match.fail(_unknown_module(name, module, base))
            return
        match.checked += 1
        path, row = found
        if len(shape) != 2 or shape[1] != row.shape[-1]:
            match.fail(_mismatch(name, path, list(row.shape), shape, base, row.shape))
        elif shape[0] != row.shape[0]:
            match.findings.append(
                Finding(
                    "embedding_rows_differ",
                    "warning",
                    f"{name!r} has {shape[0]} rows; {base.id} has {row.shape[0]}.",
                    "Tokens were added: ship the tokenizer with the adapter.",
                    tensor=name,
                    expected=list(row.shape),
                    received=list(shape),
                )
            )
    elif last in _PLAIN_HEADS and len(shape) == 2 and base.hidden_size:
        match.checked += 1
        if shape[1] % base.hidden_size:
            match.fail(_mismatch(name, module, [shape[0], base.hidden_size], shape, base, (base.hidden_size,)))
    elif not any(module == head or module.startswith(head + ".") for head in _PLAIN_HEADS):
        found = base.find(module)
        if found is not None and name.endswith(".bias") and len(found[1].shape) <= 2:
            match.checked += 1
            if shape != (found[1].d_out,):
                match.fail(_mismatch(name, found[0], [found[1].d_out], shape, base, found[1].shape))


def _check_prompt(match: Match, name: str, shape: tuple[int, ...], base: BaseShapes) -> None:
    """Soft prompts are as wide as the model, or hold keys and values of every layer."""
    if not base.hidden_size or len(shape) != 2:
        return
    match.checked += 1
    is_prefix = bool(base.num_layers) and shape[1] % (2 * (base.num_layers or 1)) == 0 and shape[1] > base.hidden_size
    if shape[1] != base.hidden_size and not is_prefix:
        match.fail(_mismatch(name, "input embeddings", [shape[0], base.hidden_size], shape, base, (base.hidden_size,)))


def compare_expected(grouped: Grouped, shapes: Shapes, expected: Mapping[str, tuple[int, ...]], base_id: str) -> Match:
    """Compare adapter tensors with what PEFT itself would save for this config on this base; copies are left out."""
    match = Match()
    ours = {name for name in shapes if name not in grouped.saved}
    heads = tuple(grouped.heads)
    for name, wanted in expected.items():
        module = re.sub(r"^base_model\.model\.", "", name)
        if name in grouped.saved or module.startswith(heads or ("\0",)):
            continue
        if name not in shapes:
            match.fail(
                Finding(
                    "tensor_missing",
                    "error",
                    f"{name!r} is missing; this method needs it.",
                    "Save all tensors of the adapter.",
                    tensor=name,
                    expected=list(wanted),
                )
            )
            continue
        match.checked += 1
        if tuple(wanted) != shapes[name]:
            match.fail(
                Finding(
                    "shape_mismatch",
                    "error",
                    f"{name!r} has shape {list(shapes[name])}; {base_id} needs {list(wanted)}.",
                    "Is this the base model it was trained on?",
                    tensor=name,
                    expected=list(wanted),
                    received=list(shapes[name]),
                )
            )
    for name in sorted(ours - set(expected)):
        match.fail(
            Finding(
                "module_unknown",
                "error",
                f"{name!r} belongs to no module targeted on {base_id}.",
                "Is this the base model it was trained on?",
                tensor=name,
                received=list(shapes[name]),
            )
        )
    return match


def _unknown_module(tensor: str, module: str, base: BaseShapes) -> Finding:
    return Finding(
        "module_unknown",
        "error",
        f"{base.id} has no module {module!r}, which {tensor!r} is for.",
        "Is this the base model it was trained on?",
        tensor=tensor,
        expected=f"a module of {base.id}",
        received=module,
    )


def _mismatch(
    tensor: str, path: str, expected: list[int], received: tuple[int, ...], base: BaseShapes, weight: tuple[int, ...]
) -> Finding:
    return Finding(
        "shape_mismatch",
        "error",
        f"{tensor!r} has shape {list(received)}; {path} of {base.id}, with weight {list(weight)}, needs {expected}.",
        "Is this the base model it was trained on?",
        tensor=tensor,
        expected=expected,
        received=list(received),
    )
