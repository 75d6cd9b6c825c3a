"""cache check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output
from ..errors import WithdrawnError
from .options import AsJson, HubUrl, open_hub

app = typer.Typer(help="What this machine keeps of pulled adapters.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A pulled folder instead of the cache.")
    ] = None,
    is_kept: Annotated[bool, typer.Option("--keep", help="Only say what was withdrawn; delete nothing.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Ask which cached files were withdrawn, and delete those. Example: hubclient cache check"""
    from ..withdrawn import check_cache, check_folder

    with open_hub(url) as hub:
        found = check_cache(hub, hub.cache, is_kept=is_kept) if folder is None else check_folder(hub, folder)
    if is_json:
        output.emit_json({"withdrawn": found, "is_deleted": folder is None and not is_kept})
    elif not found:
        output.say("Nothing here was withdrawn.")
    else:
        output.table(("digest", "what", "why"), ((row["sha256"][:12], row["name"], row["reason"]) for row in found))
    if found and (folder is not None or is_kept):
        if is_json:
            raise typer.Exit(1)
        raise WithdrawnError(f"{len(found)} files here were withdrawn.", hint="Delete them.")
