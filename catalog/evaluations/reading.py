"""Read a set's files as a stranger wrote them: JSON lines or CSV, within limits, every row looked at once."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from django.conf import settings

from catalog.errors import TooLarge, Unprocessable
from catalog.evaluations.manifests import Manifest
from catalog.plain import plain_text

ROW_SUFFIXES = (".jsonl", ".csv")
_MOST_ROW_BYTES = 1 << 20
_MOST_LABELS = 10_000


def count_rows(path: str, stream: BinaryIO, *, split: str, manifest: Manifest) -> tuple[int, set[str]]:
    """How many rows a file holds, and which labels occur in them.

    Raises:
        Unprocessable: ``set_empty``, ``columns_missing``, ``labels_do_not_fit``, ``rows_malformed``.
        TooLarge: ``set_too_large``.
    """
    asked, known = manifest.asked, set(manifest.labels)
    needed = {part: manifest.columns[part] for part in asked.parts.get(split, ())}
    if split == asked.answered:
        needed |= {part: column for part, column in manifest.columns.items() if _is_of_rows(manifest, part, split)}
    labels: set[str] = set()
    count = 0
    for row in _rows(path, stream):
        count += 1
        if count > settings.HUB_MAX_SET_ROWS:
            raise _too_many(path)
        _require_columns(path, count, row, needed)
        for label in _labels_of(path, count, row, manifest) if asked.label_part in needed else ():
            if known and label not in known and not _counts(row, manifest):
                raise Unprocessable(
                    "labels_do_not_fit",
                    f"{path}, row {count}: the label {label[:80]!r} is not one of the manifest's {len(known)}",
                    field="manifest",
                )
            labels.add(label)
            if len(labels) > _MOST_LABELS:
                raise Unprocessable("labels_do_not_fit", f"{path} has over {_MOST_LABELS} labels", field="manifest")
    if not count:
        raise Unprocessable("set_empty", f"{path} holds no row", field=split)
    return count, labels


def _is_of_rows(manifest: Manifest, part: str, split: str) -> bool:
    """Whether a column that the manifest names must be in the answered split: not if it is another split's."""
    others = {name for other, parts in manifest.asked.parts.items() if other != split for name in parts}
    return part in manifest.asked.parts[split] or part not in others


def _rows(path: str, stream: BinaryIO) -> Iterator[dict[str, Any]]:
    stream.seek(0)
    return _csv_rows(path, stream) if path.endswith(".csv") else _json_rows(path, stream)


def _json_rows(path: str, stream: BinaryIO) -> Iterator[dict[str, Any]]:
    number = 0
    while line := stream.readline(_MOST_ROW_BYTES + 1):
        if not line.strip():
            continue
        number += 1
        if len(line) > _MOST_ROW_BYTES:
            raise TooLarge("set_too_large", f"{path}, row {number}: over {_MOST_ROW_BYTES} bytes", field="files")
        try:
            row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError) as error:
            raise _malformed(path, number, f"no JSON: {error}") from error
        if not isinstance(row, dict):
            raise _malformed(path, number, "no JSON object")
        yield row


def _csv_rows(path: str, stream: BinaryIO) -> Iterator[dict[str, Any]]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    number = 0
    try:
        for number, row in enumerate(csv.DictReader(text, strict=True), start=1):
            if None in row:
                raise _malformed(path, number, "more cells than columns")
            yield {str(name): value for name, value in row.items() if value is not None}
    except (csv.Error, UnicodeDecodeError) as error:
        raise _malformed(path, number + 1, str(error)) from error
    finally:
        text.detach()


def _require_columns(path: str, number: int, row: dict[str, Any], needed: dict[str, str]) -> None:
    missing = [column for column in needed.values() if row.get(column) in (None, "")]
    if missing:
        raise Unprocessable(
            "columns_missing",
            f"{path}, row {number}: no {missing[0][:80]!r}; it has {', '.join(sorted(row))[:200]}",
            field="manifest",
            hint="Say in the manifest's columns which column plays which part.",
        )


def _labels_of(path: str, number: int, row: dict[str, Any], manifest: Manifest) -> list[str]:
    value = row[manifest.columns[manifest.asked.label_part]]
    if manifest.asked.label_part == "tags":
        tokens, tags = (words_of(row[manifest.columns[part]]) for part in ("tokens", "tags"))
        if len(tokens) != len(tags):
            raise _malformed(path, number, f"{len(tokens)} tokens and {len(tags)} tags")
        return [_label(path, number, tag) for tag in tags]
    return [_label(path, number, value)]


def _counts(row: dict[str, Any], manifest: Manifest) -> bool:
    """Whether a row names its label by its place among the manifest's, from 0, as many data sets do."""
    value = row[manifest.columns[manifest.asked.label_part]]
    return type(value) is int and 0 <= value < len(manifest.labels)


def words_of(value: Any) -> list[Any]:
    """A list as it is, or the words of a text, as CSV has to write them."""
    return value if isinstance(value, list) else str(value).split()


def _label(path: str, number: int, value: Any) -> str:
    label = value if isinstance(value, str) else json.dumps(value)
    if not isinstance(value, str | int) or len(label) > 200 or label != plain_text(label):
        raise _malformed(path, number, f"{label[:80]!r} cannot be a label")
    return label


def _malformed(path: str, number: int, why: str) -> Unprocessable:
    return Unprocessable(
        "rows_malformed",
        f"{path}, row {number}: {why}"[:500],
        field="files",
        hint="Send JSON lines (one object a line) or CSV with a header, in UTF-8.",
    )


def _too_many(path: str) -> TooLarge:
    detail = f"{path} has over {settings.HUB_MAX_SET_ROWS} rows"
    return TooLarge("set_too_large", detail, field="files", hint="Take a sample.")
