"""What a person sees: progress that moves on a terminal and plain lines elsewhere, and the table at the end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

SECONDS_BETWEEN_LINES = 5.0
HEADERS = ("adapter", "version", "head alone", "after training", "after pull + stitch", "logits")


@dataclass(frozen=True)
class Row:
    """One adapter's figures: accuracies are fractions of the held-out set, digests those of the logits."""

    name: str
    version: str
    head_accuracy: float
    trained_accuracy: float
    trained_sha256: str
    stitched_accuracy: float
    stitched_sha256: str

    @property
    def is_same(self) -> bool:
        return self.trained_accuracy == self.stitched_accuracy and self.trained_sha256 == self.stitched_sha256

    def cells(self) -> tuple[str, ...]:
        accuracies = (self.head_accuracy, self.trained_accuracy, self.stitched_accuracy)
        logits = f"{self.stitched_sha256[:12]} same" if self.is_same else "DIFFERENT"
        return (self.name, self.version, *(f"{accuracy:.3f}" for accuracy in accuracies), logits)


class Screen:
    """Steps, training progress and the table, written for whatever standard output is."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        self._last_line_at = float("-inf")

    def __enter__(self) -> "Screen":
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
            )
            self._progress = Progress(*columns, console=self.console)
            self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def say(self, line: str) -> None:
        """One line, at once."""
        self.console.print(line, markup=False, soft_wrap=True)

    def report(self, name: str, done: int, total: int, note: str) -> None:
        """Training progress of one adapter; without a terminal, a line every five seconds and at each end."""
        if self._progress is not None:
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, note=note)
            self._progress.update(self._bars[name], completed=done, total=total or None, note=note)
            return
        is_due = time.monotonic() - self._last_line_at >= SECONDS_BETWEEN_LINES
        if is_due or done == total:
            self._last_line_at = time.monotonic()
            self.say(f"  {name}: {f'step {done}/{total}, ' if total > 1 else ''}{note}")

    def table(self, rows: Sequence[Row]) -> None:
        """The figures of all adapters: ruled on a terminal, aligned text elsewhere."""
        cells = [row.cells() for row in rows]
        if self.console.is_terminal:
            table = Table(*HEADERS, title="Held-out accuracy")
            for line in cells:
                table.add_row(*line)
            self.console.print(table)
            return
        widths = [max(len(line[column]) for line in [HEADERS, *cells]) for column in range(len(HEADERS))]
        for line in [HEADERS, *cells]:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
