"""The options that many commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..client import Hub

HubUrl = Annotated[str | None, typer.Option("--hub", metavar="URL", help="The hub; HUB_URL, else the last login.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="Rows a page.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Where the page before ended.")]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Longest wait.")]


def open_hub(url: str | None) -> Hub:
    """A hub with the identity of the environment or of the last login; httpx is loaded only now."""
    from ..client import Hub

    return Hub(url)
