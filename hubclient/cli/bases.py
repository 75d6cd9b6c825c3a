"""base-model add, list, show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, Cursor, HubUrl, Limit, Timeout, open_hub

app = typer.Typer(help="Base models that the hub knows: identity and shapes, never weights.", no_args_is_help=True)


@app.command()
def add(
    target: Annotated[str, typer.Argument(metavar="PATH|ID", help="A model folder, or the id with the options below.")],
    base_id: Annotated[str | None, typer.Option("--id", help="The id, where a folder is given.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Its config.json.")] = None,
    shapes: Annotated[Path | None, typer.Option(metavar="FILE", help="Parameter name -> shape, as JSON.")] = None,
    revision: Annotated[str, typer.Option()] = "main",
    alias: Annotated[list[str] | None, typer.Option(help="Another name for it; repeatable.")] = None,
    license_: Annotated[str | None, typer.Option("--license", help="SPDX expression.")] = None,
    weights: Annotated[str | None, typer.Option(help="Where people get the weights.")] = None,
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Register a base model. Example: hubclient base-model add ./bert-base --id google-bert/bert-base-uncased"""
    name, given = _identity(target, base_id, config, shapes)
    with open_hub(url) as hub:
        answer = hub.register_base(
            name, **given, revision=revision, aliases=alias or (), license=license_, weights=weights,
            is_waiting=is_waiting, timeout_seconds=timeout,
        )  # fmt: skip
    if is_json:
        output.emit_json(answer)
    else:
        output.say(f"{answer['id']}@{answer['revision']} is {answer['state']}.")


def _identity(target: str, base_id: str | None, config: Path | None, shapes: Path | None) -> tuple[str, dict[str, Any]]:
    from ..base_folder import read_base_folder, read_json

    given: dict[str, Any] = {
        "config": read_json(config, "config") if config else None,
        "shapes": read_json(shapes, "shapes") if shapes else None,
    }
    folder = Path(target)
    if not folder.is_dir():
        if not any(given.values()):
            raise UsageError(
                f"{target} is no folder, and neither --config nor --shapes is given.",
                field="path",
                hint="Give a model folder, or an id with --config config.json.",
            )
        return base_id or target, given
    if not base_id:
        raise UsageError("A folder needs an --id to be known by.", field="id", hint="Such as --id org/model.")
    found = read_base_folder(folder)
    return base_id, {"config": given["config"] or found.config, "shapes": given["shapes"] or found.shapes}


@app.command("list")
def list_bases(
    query: Annotated[str, typer.Argument(metavar="[QUERY]")] = "",
    cursor: Cursor = None,
    limit: Limit = 20,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List base models. Example: hubclient base-model list bert"""
    with open_hub(url) as hub:
        page = hub.base_models(query, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    rows = (
        (base["id"], base["revision"], base.get("architecture"), base["state"], base.get("adapters"))
        for base in page["results"]
    )
    output.table(("id", "revision", "architecture", "state", "adapters"), rows)
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


@app.command()
def show(
    base_id: Annotated[str, typer.Argument(metavar="ID[@REV]")], url: HubUrl = None, is_json: AsJson = False
) -> None:
    """Show a base model. Example: hubclient base-model show gpt2"""
    from ..check import split_base

    with open_hub(url) as hub:
        base = hub.base_model(*split_base(base_id))
    if is_json:
        output.emit_json(base)
        return
    error: Mapping[str, Any] = base.get("error") or {}
    output.facts(
        {
            "base model": f"{base['id']}@{base['revision']}",
            "aliases": ", ".join(base.get("aliases") or []),
            "state": base["state"],
            "error": f"{error.get('code')}: {error.get('detail')}" if error else None,
            "architecture": base.get("architecture"),
            "hidden size": base.get("hidden_size"),
            "layers": base.get("layers"),
            "parameters": base.get("parameters"),
            "adapters": base.get("adapters"),
            "licence": base.get("license"),
            "weights": base.get("weights"),
        }
    )
