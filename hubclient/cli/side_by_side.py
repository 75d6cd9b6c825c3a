"""Adapters side by side as a table: what differs, then scores; what is the same in one line."""

from __future__ import annotations

from typing import Any

from .. import output


def show_side_by_side(found: dict[str, Any]) -> None:
    """Print what ``GET /comparisons`` answered."""
    heads = [f"{row['adapter']}@{row['version'] or row['commit_id'][:12]}" for row in found["adapters"]]
    rows = [(line["fact"], *map(_text, line["values"])) for line in found["facts"] if not line["is_same"]]
    rows += [(_name(line["set"]), *(_score(line, at) for at in range(len(heads)))) for line in found["scores"]]
    output.table(("", *heads), rows)
    same = [f"{line['fact']} {_text(line['values'][0])}" for line in found["facts"] if line["is_same"]]
    if same:
        output.note(f"the same: {'; '.join(same)}")
    if not found["scores"]:
        output.note("none of them was measured: hubclient eval NAME --set SET")


def _name(measured: dict[str, Any]) -> str:
    return f"{measured['name']}@{measured['revision']} {measured['metric']}"


def _score(line: dict[str, Any], at: int) -> str:
    score, gain = line["scores"][at], line["gains"][at]
    if score is None:
        return "-"
    said = f"{score['value']:.4g}"
    if score["low"] is not None and score["high"] is not None:
        said += f" ({score['low']:.4g} to {score['high']:.4g})"
    return said + (f", {gain:+.3g} over its base" if gain is not None else "")


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000 else str(value)
