"""The function of the job ``merge``, and its dry run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernels.merging import merge as merge_updates
from kernels.merging import preview
from kernels.merging.loading import load_scales
from workers.computing import Report
from workers.derivations.card import card_of, parents_table, settings_line
from workers.derivations.folder import DTYPES, shared_companions, task_type_of, whole_layout, write_folder
from workers.derivations.heads import choose_heads
from workers.derivations.members import read_members
from workers.derivations.settled import device_of, made_with, refusing, settled
from workers.derivations.summary import in_words, summary_of

_SETTINGS = ("density", "rank", "majority_sign", "inner", "alignment", "svd_clamp", "compat", "seed")


def merge(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Merge the parents into the folder ``out``; gives ``report``, ``made_with``, ``card`` and ``weights``.

    ``argument``: ``parents`` (``name``, ``commit_id``, ``weight``, ``files`` by path), ``recipe``, ``metadata``,
    ``base`` (``name``), ``out``, ``threads``, ``device`` (optional); with a search besides what
    ``workers.derivations.searching`` needs.

    Raises:
        Refused, FormatError: with a stable code, where the parents do not go together.
    """
    recipe, device = argument["recipe"], device_of(argument)
    with settled(argument), refusing():
        report(0.0, "reading the parents")
        members = read_members(argument["parents"], device)
        heads = choose_heads(members, recipe.get("heads") or "")
        weights, searched = [float(weight) for weight in recipe["weights"]], None
        if recipe.get("search"):
            from workers.derivations.searching import search

            searched = search(argument, members, heads, lambda share: report(0.1 + 0.7 * share, "searching weights"))
            weights = searched.pop("weights")
        start = 0.8 if searched else 0.1
        merged = merge_updates(
            [member.updates for member in members],
            weights=weights,
            scales=[load_scales(member.files) for member in members] if recipe.get("compat") else None,
            progress=lambda share: report(start + (0.9 - start) * share, "merging"),
            **options_of(recipe),
        )
        notes = [in_words(note, members) for note in merged.report.notes]
        card = _card(argument, weights, [*heads.notes, *notes], searched)
        size = write_folder(
            Path(argument["out"]),
            merged.adapter,
            base_model=argument["base"]["name"],
            layout=whole_layout(members),
            copies=heads.copies,
            companions=heads.keeper.companions if heads.keeper else shared_companions(members),
            card=card,
            dtype=DTYPES[recipe.get("dtype") or "float32"],
            task_type=task_type_of(members),
        )
    said = merged.report.as_dict() | {"notes": notes, "heads": heads.report, "weights_bytes": size}
    if searched is not None:
        said["search"] = searched
    return {"report": said, "made_with": made_with(argument, device), "card": card, "weights": weights}


def preview_merge(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """What a merge would meet: norms, cosines, overlaps and sign conflicts, and what would become of heads.

    Nothing is merged and nothing written. ``argument`` as in :func:`merge`, without ``out``.
    """
    recipe, device = argument["recipe"], device_of(argument)
    with settled(argument), refusing():
        report(0.0, "reading the parents")
        members = read_members(argument["parents"], device)
        heads, refusal = None, None
        try:
            heads = choose_heads(members, recipe.get("heads") or "")
        except ValueError as refused:
            refusal = getattr(refused, "detail", str(refused))
        found = preview(
            [member.updates for member in members],
            weights=[float(weight) for weight in recipe["weights"]],
            seed=int(recipe["seed"]),
            progress=lambda share: report(0.1 + 0.9 * share, "comparing"),
        )
    return {
        **summary_of(found, members),
        "heads": heads.report if heads else [],
        "refusals": [refusal] if refusal else [],
        "made_with": made_with(argument, device),
    }


def options_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of ``kernels.merging.merge`` that a recipe names; what is None is left to the method."""
    return {name: recipe[name] for name in ("method", *_SETTINGS) if recipe.get(name) is not None}


def _card(argument: Mapping[str, Any], weights: list[float], notes: list[str], searched: Any) -> str:
    recipe, parents = argument["recipe"], argument["parents"]
    told = settings_line(recipe, _SETTINGS)
    intro = f"A merge of {len(parents)} adapters by `{recipe['method']}`" + (f" ({told})." if told else ".")
    if searched is not None:
        # The set may be private where the result is not: derivation and page name it to those who may see it.
        intro += (
            f" The weights were searched on {searched['rows']} rows of the split `{searched['split']}` of an "
            f"evaluation set, in {searched['tried']} tries (LoraHub)."
        )
    table = parents_table(parents, weights=weights)
    return card_of(argument, title="A merged adapter", intro=intro, table=table, notes=notes)
