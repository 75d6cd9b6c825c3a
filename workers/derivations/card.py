"""The card of a derived adapter: what it was made of, how, and what became of heads."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def card_of(argument: Mapping[str, Any], *, title: str, intro: str, table: Sequence[str], notes: Sequence[str]) -> str:
    """README.md: front matter, a sentence, the parents with their digests, and notes."""
    said = argument.get("metadata") or {}
    front = {
        "library_name": "peft",
        "base_model": argument["base"]["name"],
        "tags": [argument["kind"], "lora"],
        **{name: said[name] for name in ("license", "language", "pipeline_tag") if said.get(name)},
    }
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=True, allow_unicode=True).rstrip(),
        "---",
        f"# {title}",
        "",
        intro,
        "",
    ]
    lines += [*table, ""]
    lines += [f"- {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def parents_table(parents: Sequence[Mapping[str, Any]], *, weights: Sequence[float] | None = None) -> list[str]:
    """A Markdown table of the parents: name, commit, weight."""
    head = "| adapter | commit |" if weights is None else "| adapter | commit | weight |"
    rows = [head, "|---|---|" if weights is None else "|---|---|---|"]
    for place, parent in enumerate(parents):
        cells = [parent["name"], f"`{parent['commit_id']}`"]
        cells += [] if weights is None else [f"{weights[place]:.6g}"]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def settings_line(recipe: Mapping[str, Any], names: Sequence[str]) -> str:
    """`density 0.5, seed 0`: the settings that were given."""
    return ", ".join(f"{name.replace('_', ' ')} {recipe[name]}" for name in names if recipe.get(name) is not None)
