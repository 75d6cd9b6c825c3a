"""What people and scripts see: tables and bars on a terminal, plain lines elsewhere, JSON where it is asked for."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .errors import HubError

PLAIN_PROGRESS_SECONDS = 5.0
_NAME, _WORD = 40, 20
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ProgressCall = Callable[[float, float, str], None]


def clean(value: Any) -> str:
    """Text of a hub or of a file, without the control characters that could steer a terminal."""
    return "" if value is None else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))


def readable_size(size_bytes: int | None) -> str:
    """`1.5 MB`; powers of 1000."""
    size = float(size_bytes or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def emit_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(*lines: str) -> None:
    """Plain lines on standard output."""
    for line in lines:
        sys.stdout.write(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", line) + "\n")


def note(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", line) + "\n")


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on a terminal; elsewhere one line a row, columns parted by tabs, without headings."""
    cleaned = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cleaned:
            sys.stdout.write("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="dim", pad_edge=False)
    # What a row is called by, a job's id above all, is copied from here: it stays in one piece, and nothing is cut.
    for place, heading in enumerate(headings):
        longest = max((len(row[place]) for row in cleaned), default=0)
        drawn.add_column(heading, overflow="fold", no_wrap=longest <= (_NAME if place == 0 else _WORD))
    for row in cleaned:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def more_pages(page: Mapping[str, Any]) -> None:
    """Where to go on after a page that is not the last, on standard error."""
    if page.get("next_cursor"):
        more = "" if page.get("is_count_exact", True) else "more than "
        note(f"{more}{page.get('count')} in all; go on with --cursor {page['next_cursor']}")


def facts(pairs: Mapping[str, Any]) -> None:
    """Aligned `name  value` lines; values that are None or empty are left out."""
    shown = {name: clean(value) for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        say(f"{name:<{width}}  {value}")


def report_error(error: HubError, *, is_json: bool) -> None:
    """Code, detail, where it applies the tensor and both shapes, and what to do."""
    if is_json:
        emit_json({"error": error.as_dict()})
        return
    note(f"error: {error.code}: {error.detail}")
    if error.field and not error.tensor:
        note(f"  field     {error.field}")
    if error.hint:
        note(f"  hint      {error.hint}")
    if error.request_id and (error.status or 0) >= 500:
        note(f"  request   {error.request_id} (whoever runs the hub finds it in the log)")
    for name in ("tensor", "expected", "received"):
        value = getattr(error, name)
        if value is not None:
            note(f"  {name:<9} {_shape(value)}")


def _shape(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "(" + ", ".join(str(size) for size in value) + ")"
    return str(value)


@contextmanager
def progress(title: str, *, is_bytes: bool, is_quiet: bool = False) -> Iterator[ProgressCall]:
    """A callback `(done, total, label)`: a bar on a terminal, a plain line every few seconds elsewhere."""
    if is_quiet:
        yield lambda done, total, label: None
    elif sys.stderr.isatty():
        with _bar(title, is_bytes=is_bytes) as call:
            yield call
    else:
        yield _plain_progress(title, is_bytes=is_bytes)


def _plain_progress(title: str, *, is_bytes: bool) -> ProgressCall:
    last_line, last_time = "", 0.0

    def call(done: float, total: float, label: str) -> None:
        nonlocal last_line, last_time
        amount = f"{readable_size(int(done))} of {readable_size(int(total))}" if is_bytes else f"{done / total:.0%}"
        line = f"{title} {amount} {label}".rstrip()
        is_due = time.monotonic() - last_time >= PLAIN_PROGRESS_SECONDS or done >= total
        if is_due and line != last_line:
            note(line)
            last_line, last_time = line, time.monotonic()

    return call


@contextmanager
def _bar(title: str, *, is_bytes: bool) -> Iterator[ProgressCall]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn

    amount: list[ProgressColumn] = [DownloadColumn()] if is_bytes else [TaskProgressColumn()]
    columns = [TextColumn(title), BarColumn(), *amount, TextColumn("{task.description}")]
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("", total=None)

        def call(done: float, total: float, label: str) -> None:
            drawn.update(task, completed=done, total=total, description=escape(clean(label)))

        yield call
