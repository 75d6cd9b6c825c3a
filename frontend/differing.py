"""What changed between two versions, and what does not fit, as rows for display."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.adapters.difference import Difference, FactChange
from frontend.facts import FACT_TITLES, as_text, fact_text

_OTHERS = {
    "base_model": _("Base model"),
    "method": _("Method"),
    "size_bytes": _("Size in bytes"),
    "summary": _("Summary"),
    "task": _("Task"),
    "languages": _("Languages"),
    "license": _("Licence"),
    "tags": _("Tags"),
}


@dataclass(frozen=True)
class ChangedFact:
    """A fact in both versions, as text."""

    title: str
    before: str
    after: str
    source: str


@dataclass(frozen=True)
class Unfit:
    """A tensor that does not fit: its name, what it must be, what it is, and the sentence about both."""

    tensor: str
    expected: str
    received: str
    message: str


def fact_changes(found: Difference) -> tuple[list[ChangedFact], list[ChangedFact]]:
    """The facts that differ, and those that do not."""
    changed = [_row(row) for row in found.facts if row.is_different]
    return changed, [_row(row) for row in found.facts if not row.is_different]


def unfit_rows(findings: list[dict[str, Any]]) -> list[Unfit]:
    """Findings of a comparison with a base model."""
    return [
        Unfit(as_text(row.get("tensor")), shape(row, "expected"), shape(row, "received"), as_text(row.get("message")))
        for row in findings
    ]


def shape(finding: Mapping[str, Any], side: str) -> str:
    """``4 × 768``; other things as text."""
    value = finding.get(side)
    return " × ".join(map(str, value)) if isinstance(value, list) else as_text(value)


def _row(row: FactChange) -> ChangedFact:
    title = _OTHERS.get(row.name) or FACT_TITLES.get(row.name) or row.name.replace("_", " ")
    source = _("from the file") if row.source == "file" else _("claimed by the author")
    return ChangedFact(
        str(title), fact_text(row.name, row.before) or "–", fact_text(row.name, row.after) or "–", str(source)
    )
