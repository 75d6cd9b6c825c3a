"""Single rows of a set's revision, read from its file without loading the whole."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from catalog.evaluations.harnesses import asked_by
from catalog.evaluations.models import SetRevision
from catalog.store import blob_store

_LONGEST_TEXT = 600


def rows_at(revision: SetRevision, numbers: Collection[int]) -> dict[int, dict[str, Any]]:
    """The rows of these numbers (from 0) as ``{column: value}``, long texts cut; rows that do not read are left out.

    The caller has asked for permission: a hidden revision's rows are never to be shown.
    """
    answered = asked_by(revision.harness).answered
    file = revision.files.filter(split=answered).first()
    if file is None or not numbers:
        return {}
    wanted, last = set(numbers), max(numbers)
    lines = _lines(blob_store().read(file.blob_id))
    rows: Iterator[Any] = csv.DictReader(lines) if file.path.endswith(".csv") else filter(str.strip, lines)
    chosen = ((at, row) for at, row in enumerate(islice(rows, last + 1)) if at in wanted)
    # Only what is wanted is parsed: a set may have hundreds of thousands of rows.
    read = ((at, _json_row(row) if isinstance(row, str) else row) for at, row in chosen)
    return {at: _shown(row) for at, row in read if isinstance(row, dict)}


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """The text's lines, each with its end; ``splitlines`` would also part at signs that JSON allows in a string."""
    decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decode(chunk)).split("\n")
        yield from (line + "\n" for line in whole)
    if rest:
        yield rest


def _json_row(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        str(name): value[:_LONGEST_TEXT] + "…" if isinstance(value, str) and len(value) > _LONGEST_TEXT else value
        for name, value in row.items()
    }
