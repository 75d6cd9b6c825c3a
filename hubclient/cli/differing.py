"""why, diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from .. import output
from .options import AsJson, HubUrl, open_hub

_MOST_TENSORS = 5
_WORDS = {"fits": "fits", "differs": "does not fit", "unknown": "may fit or not:"}


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for command in (why, diff):
        app.command()(command)


def why(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    base: Annotated[str, typer.Argument(metavar="BASE", help="A registered base model: id, alias or id@revision.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Say which tensor does not fit a base model, and what fits instead. Example: hubclient why team/ner gpt2"""
    with open_hub(url) as hub:
        found = hub.why(name, base)
    if is_json:
        output.emit_json(found)
        return
    output.say(f"{_named(found['revision'])} {_WORDS[found['verdict']]} {_base(found['base_model'])}")
    findings = found["findings"]
    output.say(f"  {findings[0]['message'] if findings else found['reason']}")
    shown = ((row["tensor"], _shape(row["expected"]), _shape(row["received"])) for row in findings[:_MOST_TENSORS])
    output.table(("tensor", "needed", "in the file"), shown)
    left = found["unmatched_tensors"] - _MOST_TENSORS
    if left > 0:
        output.note(f"{left} more tensors do not fit; --json names the first 20")
    rows = list(_instead(found["nearest"]))
    if rows:
        output.say("Fits instead:")
        output.table(("adapter", "why this one"), rows)
    if found["fitting_base_models"]:
        output.note("It fits " + ", ".join(_base(row) for row in found["fitting_base_models"]))


def _instead(nearest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((_named(row), "another version") for row in nearest["versions"])
    yield from ((_named(row), "made of it, or it of this") for row in nearest["relatives"])
    for row in nearest["adapters"]:
        yield f"{row['adapter']}@{row['version']}", f"same {' and '.join(row['shares'])}" if row["shares"] else "fits"


def diff(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    before: Annotated[str, typer.Argument(metavar="FROM", help="A version or a commit id.")],
    after: Annotated[str, typer.Argument(metavar="[TO]", help="Another; the default version when left out.")] = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show what changed between two versions. Example: hubclient diff team/ner 1.0.0 1.1.0"""
    with open_hub(url) as hub:
        found = hub.diff(name, before, after)
    if is_json:
        output.emit_json(found)
        return
    output.say(f"{_named(found['before'])} -> {_named(found['after'])}")
    for title, rows in (
        ("fact", [_fact(row) for row in found["facts"] if row["is_different"]]),
        ("file", [(row["path"], row["change"], _sizes(row)) for row in found["files"] if row["change"] != "same"]),
        ("score", [(row["set"], _number(row["before"]), _number(row["after"])) for row in found["scores"]]),
    ):
        if rows:
            output.table((title, "before", "after") if title != "file" else (title, "", "size"), rows)
    for line in found["card"]:
        mark = {"same": " ", "added": "+", "removed": "-", "skipped": "@"}[line["kind"]]
        output.say(f"{mark} {output.clean(line['text'])}")
    if found["is_equal"]:
        output.note("Nothing that is compared is different.")


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['adapter']}@{row['version'] or row['commit_id'][:12]}"


def _base(row: Mapping[str, Any]) -> str:
    return row["id"] if row["revision"] == "main" else f"{row['id']}@{row['revision']}"


def _shape(value: Any) -> str:
    return " x ".join(str(size) for size in value) if isinstance(value, list) else output.clean(value)


def _fact(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["name"].replace("_", " "), _value(row["before"]), _value(row["after"])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_value(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _sizes(row: Mapping[str, Any]) -> str:
    sizes = [output.readable_size(row[side]) for side in ("size_before", "size_after") if row[side] is not None]
    return " -> ".join(dict.fromkeys(sizes))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
