"""What was measured, as lines for display: a score with its interval, its base model beside it, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.evaluations.boards import Leader
from catalog.evaluations.models import Evaluation
from frontend.facts import Row, as_text
from frontend.figures.bars import ScoreBar, score_bars
from frontend.templatetags.hub import size

_USED = (
    ("seed", _("Seed")),
    ("device", _("Device")),
    ("device_name", _("Accelerator")),
    ("threads", _("Threads")),
    ("batch_size", _("Batch size")),
    ("found", _("Batch size was found here")),
    ("halvings", _("Times halved for memory")),
    ("max_tokens", _("Longest input in tokens")),
    ("rows", _("Rows")),
    ("with_probe", _("Linear probe")),
    ("labels_from", _("Order of the labels")),
    ("tokenizer", _("Tokenizer")),
)

_MOST_LAYERS = 200


@dataclass(frozen=True)
class ScoreLine:
    """One measured score and what stands beside it."""

    evaluation: Evaluation
    base: Evaluation | None
    bar: ScoreBar

    @property
    def gain(self) -> float | None:
        """Score over the base model's own."""
        if self.base is None or self.base.score is None or self.evaluation.score is None:
            return None
        return self.evaluation.score - self.base.score

    @property
    def is_better(self) -> bool:
        """Whether it gained in the direction that its metric calls better."""
        return (self.progress or 0) > 0

    @property
    def progress(self) -> float | None:
        """The gain with its sign turned where less is better."""
        said = self.evaluation.metrics.get(self.evaluation.set_revision.metric, {})
        sign = 1.0 if said.get("higher_is_better", True) else -1.0
        return None if self.gain is None else sign * self.gain


@dataclass(frozen=True)
class BoardLine(ScoreLine):
    """A line of a leader board."""

    place: int


@dataclass(frozen=True)
class Cost:
    """What one measured adapter costs; None where it was not measured. Time is never derived from parameters."""

    evaluation: Evaluation
    parameters: int | None
    bytes: int | None
    load_milliseconds: float | None
    base_milliseconds: float | None
    beside_milliseconds: float | None
    merged_milliseconds: float | None
    memory_bytes: int | None
    rows_per_second: float | None

    @property
    def overhead(self) -> float | None:
        """Share of time for a row that the adapter adds beside the base."""
        return _over(self.beside_milliseconds, self.base_milliseconds)

    @property
    def merged_overhead(self) -> float | None:
        """The same once it is merged."""
        return _over(self.merged_milliseconds, self.base_milliseconds)


@dataclass(frozen=True)
class Layer:
    """One layer that the adapter touches: how far it moves the states, and the score with it left out there."""

    number: Any
    effect: float | None
    score_without: float | None


@dataclass(frozen=True)
class Inside:
    """Shares of active activations with the adapter and without, and the layers."""

    density: float | None
    density_base: float | None
    rows: Any
    layers: list[Layer]


def score_lines(pairs: Sequence[tuple[Evaluation, Evaluation | None]]) -> list[ScoreLine]:
    """Scores on one scale with their base scores."""
    bars = score_bars(pairs)
    return [ScoreLine(row, base, bar) for (row, base), bar in zip(pairs, bars, strict=True)]


def best_line(lines: Sequence[ScoreLine]) -> ScoreLine | None:
    """The line that gained most over the base model alone; where none was compared with it, the first."""
    gained = [line for line in lines if line.gain is not None]
    return max(gained, key=lambda line: line.progress or 0.0) if gained else next(iter(lines), None)


def board_lines(rows: Sequence[Leader]) -> list[BoardLine]:
    """A board's rows with bars on one scale."""
    bars = score_bars([(row.evaluation, row.base) for row in rows])
    return [BoardLine(row.evaluation, row.base, bar, row.place) for row, bar in zip(rows, bars, strict=True)]


def cost_lines(measured: Iterable[Evaluation]) -> list[Cost]:
    """What was measured beside the score; evaluations without any of it are left out."""
    return [cost_of(row) for row in measured if row.efficiency]


def cost_of(row: Evaluation) -> Cost:
    """The efficiency that a worker measured, numbers only."""
    said = {key: value for key, value in row.efficiency.items() if _is_number(value)}
    load = said.get("load_seconds")
    return Cost(
        evaluation=row,
        parameters=said.get("parameters"),
        bytes=said.get("bytes"),
        load_milliseconds=load * 1000 if load is not None else None,
        base_milliseconds=said.get("milliseconds_per_row_base"),
        beside_milliseconds=said.get("milliseconds_per_row"),
        merged_milliseconds=said.get("milliseconds_per_row_merged"),
        memory_bytes=said.get("peak_memory_bytes"),
        rows_per_second=said.get("rows_per_second"),
    )


def metric_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Every metric with its interval, the set's own first."""
    own = evaluation.set_revision.metric
    rows = [
        {"name": name.replace("_", " "), "is_own": name == own, **said}
        for name, said in evaluation.metrics.items()
        if isinstance(said, dict) and _is_number(said.get("value"))
    ]
    return sorted(rows, key=lambda row: not row["is_own"])


def how_measured(evaluation: Evaluation) -> list[Row]:
    """How it was measured, so that the same can be done again: seed, device, batch size, duration, versions."""
    asked = {key: value for key, value in evaluation.settings.items() if value is not None and value is not False}
    known = asked | evaluation.used
    titles = dict(_USED)
    rows = [Row(str(title), as_text(known.get(key))) for key, title in _USED]
    rows += [
        Row(str(key).replace("_", " ").capitalize()[:60], as_text(value))
        for key, value in list(evaluation.used.items())[:40]
        if key not in titles
    ]
    if evaluation.seconds is not None:
        rows.append(Row(gettext("Duration"), f"{evaluation.seconds:.3g} s"))
    rows += [Row(str(name)[:60], as_text(version)) for name, version in sorted(evaluation.versions.items())]
    return [row for row in rows if row.value]


def cost_rows(evaluation: Evaluation) -> list[Row]:
    """The efficiency of one evaluation as named values."""
    cost = cost_of(evaluation)
    rows = [
        Row(gettext("Parameters"), as_text(cost.parameters)),
        Row(gettext("Bytes"), size(cost.bytes) if cost.bytes else ""),
        Row(gettext("Time to load"), _milliseconds(cost.load_milliseconds)),
        Row(gettext("A row, base model alone"), _milliseconds(cost.base_milliseconds)),
        Row(gettext("A row, adapter beside the base"), _milliseconds(cost.beside_milliseconds)),
        Row(gettext("A row, adapter merged"), _milliseconds(cost.merged_milliseconds)),
        Row(gettext("Peak memory"), size(cost.memory_bytes) if cost.memory_bytes else ""),
        Row(gettext("Rows a second"), as_text(cost.rows_per_second)),
    ]
    return [row for row in rows if row.value]


def inside_of(evaluation: Evaluation) -> Inside | None:
    """What the adapter does inside the model, where somebody asked for the analysis."""
    said = evaluation.efficiency.get("analysis")
    if not isinstance(said, dict):
        return None
    layers = [row for row in said.get("layers") or [] if isinstance(row, dict)][:_MOST_LAYERS]
    return Inside(
        density=_number_of(said.get("activation_density")),
        density_base=_number_of(said.get("activation_density_base")),
        rows=said.get("rows"),
        layers=[
            Layer(row.get("layer"), _number_of(row.get("effect")), _number_of(row.get("score_without")))
            for row in layers
        ],
    )


def _number_of(value: Any) -> float | None:
    return float(value) if _is_number(value) else None


def _milliseconds(value: float | None) -> str:
    return f"{value:.3g} ms" if value is not None else ""


def _over(value: float | None, base: float | None) -> float | None:
    return value / base - 1 if value is not None and base else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
