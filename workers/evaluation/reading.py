"""Read the rows of a set: JSON lines or CSV, told apart by their first byte, under limits."""

import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.evaluation.errors import Refused

MOST_ROWS = 500_000
MOST_BYTES = 256 << 20
LONGEST_TEXT = 100_000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """The rows of one split, each with the parts that its harness needs."""

    split: str
    rows: tuple[dict[str, Any], ...]
    numbers: tuple[int, ...]
    """The place of each row in the file, from 0."""

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, part: str) -> list[Any]:
        """One part of every row."""
        return [row[part] for row in self.rows]

    def head(self, rows: int) -> "Table":
        """The first ``rows`` of them."""
        return Table(self.split, self.rows[:rows], self.numbers[:rows])

    def sample(self, limit: int | None, seed: int) -> "Table":
        """At most ``limit`` rows, drawn by ``seed``, in the order of the file."""
        if limit is None or limit >= len(self.rows):
            return self
        drawn = sorted(random.Random(seed).sample(range(len(self.rows)), limit))
        return Table(self.split, tuple(self.rows[i] for i in drawn), tuple(self.numbers[i] for i in drawn))


def read_table(path: Path, split: str, columns: Mapping[str, str], parts: Sequence[str]) -> Table:
    """The rows of ``path``, each as {part: value}; ``columns`` names the column of a part that is called otherwise.

    Raises:
        Refused: ``columns_missing``, ``set_empty``, ``set_too_large`` or ``rows_malformed``, with the split and row.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise Refused("set_too_large", f"split {split!r} has {size} bytes; at most {MOST_BYTES} are read")
    rows = read_rows(path, split)
    if not rows:
        raise Refused("set_empty", f"split {split!r} has no rows")
    wanted = {part: columns.get(part, part) for part in parts}
    found = []
    for number, row in enumerate(rows):
        missing = [column for column in wanted.values() if row.get(column) in (None, "")]
        if missing:
            raise Refused(
                "columns_missing",
                f"row {number} of split {split!r} has no {', '.join(map(repr, missing))}; it has {sorted(row)[:20]}",
                "The set's `columns` say which column plays which part.",
            )
        found.append({part: row[column] for part, column in wanted.items()})
    _check_lengths(found, split)
    return Table(split, tuple(found), tuple(range(len(found))))


def read_rows(path: Path, split: str) -> list[Row]:
    """Every row as {column: value}. Raises Refused ``rows_malformed`` or ``set_too_large``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("rows_malformed", f"split {split!r} is not UTF-8: {error}") from error
    rows = _json_lines(text, split) if text.lstrip()[:1] == "{" else _csv(text, split)
    if len(rows) > MOST_ROWS:
        raise Refused("set_too_large", f"split {split!r} has {len(rows)} rows; at most {MOST_ROWS} are measured")
    return rows


def _json_lines(text: str, split: str) -> list[Row]:
    rows: list[Row] = []
    # Not splitlines: a text may hold U+2028 unescaped, which ends no line of JSON.
    for number, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise Refused("rows_malformed", f"line {number + 1} of split {split!r} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise Refused("rows_malformed", f"line {number + 1} of split {split!r} is no JSON object")
        rows.append(row)
    return rows


def _csv(text: str, split: str) -> list[Row]:
    try:
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Refused("rows_malformed", f"split {split!r} is neither JSON lines nor CSV: {error}") from error


def _check_lengths(rows: Sequence[Row], split: str) -> None:
    for number, row in enumerate(rows):
        for part, value in row.items():
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise Refused(
                    "set_too_large",
                    f"{part} of row {number} of split {split!r} has {len(value)} characters; at most {LONGEST_TEXT}",
                )
