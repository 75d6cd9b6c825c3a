"""The function of the job ``reduce``: a smaller adapter out of one, with its error and its bytes."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from math import sqrt
from pathlib import Path
from typing import Any

import torch

from kernels.lowrank import LowRankUpdate, thin_forms
from kernels.reduction import (
    PACKED_NAME,
    QuantisedAdapter,
    SparseAdapter,
    cut_prefix,
    distance,
    nested_evidence,
    prune,
    quantise,
    truncate,
    truncate_to_budget,
    write_packed,
)
from kernels.reduction.report import Progress, Reduced
from workers.computing import Report
from workers.derivations.card import card_of, parents_table, settings_line
from workers.derivations.folder import DTYPES, task_type_of, write_folder
from workers.derivations.heads import choose_heads
from workers.derivations.members import Member, read_members
from workers.derivations.settled import device_of, made_with, refusing, settled
from workers.evaluation.errors import Refused

_TOLD = ("rank", "energy", "size_bytes", "min_rank", "ranks", "density", "scope", "by", "bits", "group_size", "seed")
_NAMES = {
    "truncate": "truncated",
    "subrank": "cut to a rank for each layer",
    "shorten": "shortened",
    "prune": "pruned",
    "quantise": "quantised",
}


def reduce(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Reduce the one parent into the folder ``out``; gives ``report``, ``made_with`` and ``card``.

    ``argument`` as in ``workers.derivations.merging:merge``, with one parent. The result is an ordinary LoRA: of a
    pruned or quantised one ``bytes_after`` is what its packed form would take, ``weights_bytes`` the file's size.
    Heads and other full copies stay as they were.

    Raises:
        Refused, FormatError: with a stable code.
    """
    recipe, device = argument["recipe"], device_of(argument)
    with settled(argument), refusing():
        report(0.0, "reading the adapter")
        (member,) = read_members(argument["parents"], device)
        dtype = DTYPES[recipe["dtype"]] if recipe.get("dtype") else member.stored_dtype
        reduced, more = reduced_by(recipe, member, dtype, lambda share: report(0.1 + 0.8 * share, recipe["operation"]))
        heads = choose_heads([member], member.name if member.copies.tensors else "")
        said = reduced.report.as_dict() | more
        size = write_folder(
            Path(argument["out"]),
            reduced.updates,
            base_model=argument["base"]["name"],
            layout=member.layout,
            copies=heads.copies,
            companions=member.companions,
            card=_card(argument, said, heads.notes),
            dtype=dtype,
            task_type=task_type_of([member]),
        )
        if recipe.get("is_packed"):
            assert isinstance(reduced, SparseAdapter | QuantisedAdapter), "the options saw to it"
            said["packed_bytes"] = write_packed(Path(argument["out"]) / PACKED_NAME, reduced)
        said |= {
            "heads": heads.report,
            "dtype": str(dtype).removeprefix("torch."),
            "weights_bytes_before": member.weights_bytes,
            "weights_bytes": size,
            "relative_error_written": written_error(member.updates, reduced.updates, dtype),
        }
    return {
        "report": said,
        "made_with": made_with(argument, device),
        "card": (Path(argument["out"]) / "README.md").read_text(encoding="utf-8"),
    }


def reduced_by(
    recipe: Mapping[str, Any], member: Member, dtype: torch.dtype, progress: Progress
) -> tuple[Reduced, dict[str, Any]]:
    """What the recipe's operation makes of the updates, and what else there is to say. Raises Refused, ValueError."""
    adapter, operation = member.updates, recipe["operation"]
    if operation == "truncate" and recipe.get("size_bytes") is not None:
        options: dict[str, Any] = {
            "min_rank": recipe.get("min_rank") or 0,
            "is_relative": bool(recipe.get("is_relative")),
        }
        budget = recipe["size_bytes"]
        return truncate_to_budget(adapter, budget_bytes=budget, dtype=dtype, progress=progress, **options), {}
    if operation == "truncate":
        given = {name: recipe.get(name) for name in ("rank", "energy")}
        return truncate(adapter, dtype=dtype, progress=progress, **given), {}
    if operation == "subrank":
        return truncate(adapter, rank=_ranks(recipe["ranks"], adapter), dtype=dtype, progress=progress), {}
    if operation == "shorten":
        return _shortened(adapter, recipe["rank"], dtype, progress)
    source = _balanced(adapter) if operation == "prune" and recipe.get("is_balanced") else adapter
    if operation == "prune":
        options = {"density": recipe["density"], "scope": recipe["scope"], "method": recipe["by"]}
        return prune(source, seed=recipe["seed"], progress=progress, **options), {"packed": "values and a bit mask"}
    quantised = quantise(
        adapter,
        bits=recipe["bits"],
        group_size=recipe["group_size"],
        is_balanced=recipe["is_balanced"],
        progress=progress,
    )
    return quantised, {"packed": f"codes of {recipe['bits']} bits and a scale for each group"}


def written_error(before: Mapping[str, LowRankUpdate], after: Mapping[str, LowRankUpdate], dtype: torch.dtype) -> float:
    """Relative Frobenius error, not squared, of what stands in the file, rounded as it is there."""
    error = sum(distance(update, after[name].to(dtype)) ** 2 for name, update in before.items())
    norm = sum(update.norm() ** 2 for update in before.values())
    return sqrt(error / norm) if norm else 0.0


def _shortened(
    adapter: Mapping[str, LowRankUpdate], rank: int, dtype: torch.dtype, progress: Progress
) -> tuple[Reduced, dict[str, Any]]:
    evidence = nested_evidence(adapter)
    said = {"nested_score": evidence.score, "is_nested": evidence.is_nested}
    if evidence.is_nested:
        return cut_prefix(adapter, rank=rank, progress=progress), said
    return truncate(adapter, rank=rank, dtype=dtype, progress=progress), said


def _ranks(patterns: Mapping[str, int], adapter: Mapping[str, LowRankUpdate]) -> dict[str, int]:
    """The rank of each module: of the first pattern that it matches, else its own."""
    unused = set(patterns)
    ranks = {}
    for name, update in adapter.items():
        pattern = next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)
        unused.discard(pattern or "")
        ranks[name] = update.rank if pattern is None else min(update.rank, patterns[pattern])
    if unused:
        raise Refused(
            "recipe_refused",
            f"no module of the adapter matches {sorted(unused)[0]!r}, or an earlier pattern took them all",
            f"Its modules are {', '.join(list(adapter)[:3])} and so on.",
        )
    return ranks


def _balanced(adapter: Mapping[str, LowRankUpdate]) -> dict[str, LowRankUpdate]:
    forms = thin_forms(list(adapter.values()))
    return {name: form.as_update().to(adapter[name].dtype) for name, form in zip(adapter, forms, strict=True)}


def _card(argument: Mapping[str, Any], said: Mapping[str, Any], notes: list[str]) -> str:
    recipe, parents = argument["recipe"], argument["parents"]
    told = settings_line(recipe, _TOLD)
    intro = f"{parents[0]['name']}, {_NAMES[recipe['operation']]} ({told})."
    error = f"Relative error of the update (Frobenius norm, not squared): {said['relative_error']:.4g}."
    return card_of(
        argument, title="A smaller adapter", intro=intro, table=parents_table(parents), notes=[error, *notes]
    )
