"""The card of what a training job made: where it is from, what was compared, and what nobody should think of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

CARD_NAME = "README.md"
TITLES = {
    "coefficients": "coefficients alone",
    "full_lora": "full LoRA of the same rank",
    "base_alone": "base model with a linear head",
    "teacher": "the adapter on its own base model",
    "student": "this adapter on the new base model",
    "student_base_alone": "new base model with a linear head",
}


def card_of(
    title: str,
    *,
    base_id: str,
    labels: Sequence[str],
    parents: Sequence[str],
    intro: str,
    report: Mapping[str, Any],
    is_experimental: bool,
) -> str:
    """The README.md with front matter; numbers as the report has them."""
    tags = ["lora", "derived", *(["experimental"] if is_experimental else [])]
    front = {"base_model": base_id, "library_name": "peft", "pipeline_tag": "text-classification", "tags": tags}
    parts = [f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n", f"# {title}\n"]
    if is_experimental:
        parts.append("**Experimental.** Measure it on your own data before you rely on it.\n")
    parts.append(f"{intro}\n")
    if report.get("sides"):
        parts.append(_table(report))
    named = "\n".join(f"- {label}" for label in labels)
    parts.append(f"Labels, in the order of the logits:\n\n{named}\n")
    listed = "\n".join(f"- {parent}" for parent in parents)
    parts.append(f"Computed from:\n\n{listed}\n")
    return "\n".join(parts)


def _table(report: Mapping[str, Any]) -> str:
    """Without the seconds, which are never the same again: the card is part of what is compared."""
    lines = [f"| | {report['metric']} | trained numbers |", "|---|---:|---:|"]
    for side in report["sides"]:
        cells = (_number(side["score"], ".4f"), _number(side["trained_parameters"], "d"))
        lines.append(f"| {TITLES.get(side['name'], side['name'])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: Any, how: str) -> str:
    return "–" if value is None else format(value, how)
