"""Adapters side by side as rows for display: what differs, what is the same, and scores as bars on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from catalog.comparisons.side_by_side import FactLine, ScoreLine, SideBySide, Subject
from catalog.evaluations.models import Evaluation
from frontend.facts import as_text
from frontend.figures.bars import ScoreBar, score_bars
from frontend.figures.plane import Scatter, size_against_score
from frontend.templatetags.hub import count, side_reference, size
from frontend.templatetags.labels import language_labels, license_label, task_label

_TITLES = {
    "state": gettext_lazy("State"),
    "base_model": gettext_lazy("Base model"),
    "fit": gettext_lazy("Fits its base model"),
    "method": gettext_lazy("Method"),
    "options": gettext_lazy("Variants"),
    "rank": gettext_lazy("Rank"),
    "alpha": gettext_lazy("Alpha"),
    "scaling": gettext_lazy("Scaling"),
    "target_modules": gettext_lazy("Target modules"),
    "modules": gettext_lazy("Modules"),
    "layers": gettext_lazy("Layers"),
    "parameters": gettext_lazy("Parameters"),
    "dtypes": gettext_lazy("Number types"),
    "head_parameters": gettext_lazy("Head parameters"),
    "size_bytes": gettext_lazy("Size"),
    "norm": gettext_lazy("Norm of the update"),
    "effective_rank": gettext_lazy("Effective rank, mean"),
    "task": gettext_lazy("Task"),
    "languages": gettext_lazy("Languages"),
    "license": gettext_lazy("Licence"),
    "peft_version": gettext_lazy("Saved by PEFT"),
    "published_on": gettext_lazy("Published"),
    "downloads": gettext_lazy("Downloads"),
}


_WRITTEN = {
    "size_bytes": size,
    "downloads": count,
    "task": task_label,
    "languages": language_labels,
    "license": license_label,
}


@dataclass(frozen=True)
class Column:
    """One adapter at the head of its column, and the address of the page without it."""

    subject: Subject
    url_without: str


@dataclass(frozen=True)
class Line:
    """One fact of all columns."""

    title: str
    values: list[str]


@dataclass(frozen=True)
class ScoreCell:
    """A score in one column; the address of its flips against the first column's, where both were measured."""

    evaluation: Evaluation
    bar: ScoreBar
    gain: float | None
    is_best: bool
    flips_url: str


@dataclass(frozen=True)
class ScoreRow:
    """One evaluation set."""

    line: ScoreLine
    cells: list[ScoreCell | None]


def comparison_context(found: SideBySide) -> dict[str, Any]:
    """What the page shows of a comparison."""
    names = [subject.reference for subject in found.subjects]
    return {
        "columns": [Column(row, _url([name for name in names if name != row.reference])) for row in found.subjects],
        "different": [_line(line) for line in found.facts if not line.is_same],
        "same": [_line(line) for line in found.facts if line.is_same],
        "score_rows": [_score_row(line) for line in found.scores],
        "likeness": [(found.subjects[pair.first], found.subjects[pair.second], pair) for pair in found.likeness],
        "are_all_sets": found.is_whole,
        **_picture(found),
    }


def _line(line: FactLine) -> Line:
    return Line(str(_TITLES.get(line.key, line.key)), [_text(line.key, value) for value in line.values])


def _text(key: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "–"
    if key in _WRITTEN:
        return _WRITTEN[key](value)
    if isinstance(value, list) and len(value) > 2 and all(isinstance(item, int) for item in value):
        low, high = min(value), max(value)
        if sorted(value) == list(range(low, high + 1)):
            return gettext("%(low)s to %(high)s, all %(count)s") % {"low": low, "high": high, "count": len(value)}
    return as_text(value)


def _score_row(line: ScoreLine) -> ScoreRow:
    pairs = [(score, base) for score, base in zip(line.scores, line.bases, strict=True) if score is not None]
    bars = iter(score_bars(pairs))
    first = next((score for score in line.scores if score is not None), None)
    cells: list[ScoreCell | None] = []
    for score, gain in zip(line.scores, line.gains, strict=True):
        if score is None:
            cells.append(None)
            continue
        is_best = line.best is not None and score.score == line.best
        cells.append(ScoreCell(score, next(bars), gain, is_best, _flips_url(line, first, score)))
    return ScoreRow(line, cells)


def _flips_url(line: ScoreLine, first: Evaluation | None, score: Evaluation) -> str:
    if first is None or first is score:
        return ""
    sides = {"a": side_reference(first), "b": side_reference(score), "set": str(line.set_revision)}
    return f"{reverse('compare')}?{urlencode(sides)}"


def _picture(found: SideBySide) -> dict[str, Scatter | ScoreLine | None]:
    """Size against score, on the set that most of them were measured on."""
    line = found.scores[0] if found.scores else None
    measured = [score for score in line.scores if score is not None] if line else []
    return {"scatter": size_against_score(measured), "scatter_line": line}


def _url(names: list[str]) -> str:
    return f"{reverse('compare')}?{urlencode([('with', name) for name in names])}"
