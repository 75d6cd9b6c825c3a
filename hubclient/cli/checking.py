"""check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from .options import AsJson, HubUrl


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(check)


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that would be pushed.")],
    base: Annotated[str | None, typer.Option(metavar="ID|PATH", help="Base model: id, folder or shape table.")] = None,
    is_offline: Annotated[bool, typer.Option("--offline", help="Ask no hub; use the shapes kept here.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Give the hub's verdict without sending anything. Example: hubclient check ./adapter --base gpt2"""
    from ..check import check_folder

    shapes = _load_base(base, url, is_offline=is_offline) if base else None
    inspection = check_folder(folder, base=shapes, declared_base=_declared(base))
    report = inspection.as_dict()
    if is_json:
        output.emit_json({"folder": str(folder), "base": base, **report})
    else:
        _show(report, base)
    if report["verdict"] != "accepted":
        raise typer.Exit(1)


def _declared(base: str | None) -> str | None:
    is_place = base is not None and Path(base).exists()
    return None if is_place else base


def _load_base(base: str, url: str | None, *, is_offline: bool) -> Any:
    from ..check import ShapeTables
    from ..config import cache_folder, resolve_url

    tables = ShapeTables(cache_folder(), resolve_url(url))
    if is_offline or Path(base).exists():
        return tables.load(base, None)
    from .options import open_hub

    with open_hub(url) as hub:
        return tables.load(base, hub.base_shapes)


def _show(report: dict[str, Any], base: str | None) -> None:
    facts = report["facts"]
    output.facts(
        {
            "verdict": report["verdict"],
            "method": facts.get("method_name") or facts.get("method"),
            "rank": facts.get("rank"),
            "alpha": f"{facts['alpha']:g}" if facts.get("alpha") is not None else None,
            "targets": ", ".join(facts.get("target_modules") or []),
            "parameters": facts.get("parameters"),
            "base model": base,
            "shapes": None if base else "not checked: give --base",
        }
    )
    for row in report["disagreements"]:
        output.say(f"differs: {row.get('fact')}: file {row.get('from_file')}, claimed {row.get('claimed')}")
    for finding in report["findings"]:
        where = f" [{finding['tensor']}]" if finding.get("tensor") else ""
        output.say(f"{finding['severity']}: {finding['code']}: {finding.get('message')}{where}")
        if finding.get("expected") is not None or finding.get("received") is not None:
            output.say(f"  expected {finding.get('expected')}, received {finding.get('received')}")
        if finding.get("hint"):
            output.say(f"  hint: {finding['hint']}")
