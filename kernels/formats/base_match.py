"""Checking an adapter's tensors against a base model's shape table, naming tensor, module and both shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .base_shapes import BaseShapes, ModuleShape
from .canonical import Grouped, LowRankPair, Shapes
from .errors import Finding
from .kohya import dotted
from .peft import EMBEDDING_MODULES
from .sequence_match import resolve_by_order
from .transformers_names import current_name

_PLAIN_HEADS = frozenset({"classifier", "score", "qa_outputs", "pre_classifier"})
# Further modules that task classes put on a body, at the root or right below the body's prefix.
_TASK_PARTS = frozenset({"classification_head", "pooler", "head", "projector", "sequence_summary", "logits_proj"})


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


def match_base(
    grouped: Grouped,
    shapes: Shapes,
    base: BaseShapes,
    unchecked: frozenset[str] = frozenset(),
    *,
    may_be_prefix: bool = True,
) -> Match:
    """Compare every pair and full copy with the table; `unchecked` names modules that need PEFT to judge.

    `may_be_prefix` is false for methods whose prompt is one vector of the model's width for each token.
    """
    match = Match()
    ordered = resolve_by_order(grouped, base)
    underscored = {path.replace(".", "_"): path for path in base.modules} if grouped.format == "kohya" else {}
    resized = {module: shapes[name][0] for name, module in grouped.saved.items() if len(shapes[name]) == 2}
    for pair in grouped.pairs:
        if pair.module in unchecked:
            continue
        if ordered is not None:
            where = ordered.get(pair.module)
            found = (where[0], where[1]) if where else None
        else:
            path = dotted(pair.module, underscored) if underscored else pair.module
            found = base.find(path.removesuffix(".base_layer"))
        _check_pair(match, pair, found, shapes, base, resized)
    for name, module in grouped.saved.items():
        _check_copy(match, name, module, shapes[name], base)
    _check_targets(match, grouped, base)
    for name in grouped.method_tensors:
        is_known = base.num_layers is not None or not may_be_prefix
        if name.split(".")[-1] == "prompt_embeddings" and is_known:
            _check_prompt(match, name, shapes[name], base, may_be_prefix)
    _note_former_names(match, grouped, base)
    return match


def _note_former_names(match: Match, grouped: Grouped, base: BaseShapes) -> None:
    modules = [pair.module for pair in grouped.pairs] if grouped.format == "peft" else []
    former = [module for module in modules if current_name(module, base.model_type) != module]
    if former:
        now = current_name(former[0], base.model_type)
        match.findings.append(
            Finding(
                "former_names",
                "warning",
                f"{len(former)} modules have names that transformers has changed, {former[0]!r} among them.",
                f"Load it with a transformers below 5, or rename in the file and in target_modules: it is {now!r} now.",
                expected=now,
                received=former[0],
            )
        )


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
    match: Match,
    pair: LowRankPair,
    found: tuple[str, ModuleShape] | None,
    shapes: Shapes,
    base: BaseShapes,
    resized: Mapping[str, int],
) -> None:
    if found is None:
        if not _is_of_task_head(pair.module):  # a task head is the adapter's own, not the base's
            match.fail(_unknown_module(pair.a_name, pair.module, base))
        return
    path, row = found
    match.resolved[pair.module] = path
    match.checked += 2
    rows = resized.get(pair.module)  # the file brings this table with other rows, which its own copy's check reports
    if rows is not None and len(row.shape) == 2 and pair.module.rsplit(".", 1)[-1] in EMBEDDING_MODULES:
        row = replace(row, shape=(rows, row.shape[1]))
    if fits_pair(pair.kind, pair.d_in, pair.d_out, row, pair.kernel):
        return
    wanted = (row.d_in, row.d_out) if pair.kind != "embedding" else (row.shape[0], row.shape[-1])
    is_a_wrong = pair.d_in != wanted[0] or (bool(pair.kernel) and pair.kernel != row.shape[2:])
    tensor = pair.a_name if is_a_wrong else pair.b_name
    expected: list[int] = [pair.rank, wanted[0], *(row.shape[2:])] if is_a_wrong else [wanted[1], pair.rank]
    if pair.is_transposed:
        expected = expected[::-1]
    match.fail(_mismatch(tensor, path, expected, shapes[tensor], base, row.shape))


def _is_of_task_head(module: str) -> bool:
    parts = module.split(".")
    return bool(_PLAIN_HEADS & set(parts) or _TASK_PARTS & set(parts[:2]))


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
    elif not _is_of_task_head(module):
        _check_body_copy(match, name, base.find(module), shape, base)


def _check_body_copy(
    match: Match, name: str, found: tuple[str, ModuleShape] | None, shape: tuple[int, ...], base: BaseShapes
) -> None:
    """A trained copy of one of the base's own modules has that module's shape; other modules are the adapter's own."""
    last = name.rsplit(".", 1)[-1]
    if found is None or last not in ("weight", "bias"):
        return
    match.checked += 1
    path, row = found
    wanted = row.shape if last == "weight" else (row.d_out,)
    if shape != wanted and len(row.shape) <= (8 if last == "weight" else 2):
        match.fail(_mismatch(name, path, list(wanted), shape, base, row.shape))


def _check_targets(match: Match, grouped: Grouped, base: BaseShapes) -> None:
    """Modules that other methods' tensors are for must be there; their shapes are PEFT's to judge."""
    if grouped.format != "peft":
        return
    paired, seen = {pair.module for pair in grouped.pairs}, set()
    for name in grouped.method_tensors:
        module = grouped.module_of.get(name, "").removesuffix(".base_layer")
        if not module or module in paired or module in seen or _is_of_task_head(module):
            continue
        seen.add(module)
        if base.find(module) is None and not base.has_below(module):
            match.fail(_unknown_module(name, module, base))


def _check_prompt(match: Match, name: str, shape: tuple[int, ...], base: BaseShapes, may_be_prefix: bool) -> None:
    """Soft prompts are as wide as the model; prefixes hold keys and values of every layer."""
    table = base.input_embedding
    width = base.hidden_size or (table[1].shape[1] if table else None)
    if not width or len(shape) != 2:
        return
    match.checked += 1
    is_prefix = may_be_prefix and bool(base.num_layers) and shape[1] % (2 * (base.num_layers or 1)) == 0
    if shape[1] != width and not is_prefix:
        match.fail(_mismatch(name, "input embeddings", [shape[0], width], shape, base, (width,)))


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
