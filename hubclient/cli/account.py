"""login, logout, whoami."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, HubUrl, open_hub


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for command in (login, logout, whoami):
        app.command()(command)


def login(
    token: Annotated[str | None, typer.Option("--token", help="A token; asked for when left out.")] = None,
    username: Annotated[str | None, typer.Option("--username", help="Make a token with a password instead.")] = None,
    is_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Keep a token for a hub. Example: hubclient login --hub https://hub.example --username ada"""
    from .. import auth

    if token and username:
        raise UsageError("--token and --username exclude each other.", field="token")
    with open_hub(url) as hub:
        if username:
            password = sys.stdin.readline().rstrip("\r\n") if is_stdin else _ask("Password")
            identity = auth.login_with_password(hub, username, password)
        else:
            identity = auth.login_with_token(hub, token or _ask("Token"))
        if is_json:
            output.emit_json({"hub": hub.url, **identity})
        else:
            output.say(f"Logged in to {hub.url} as {identity['username']}.")


def _ask(what: str) -> str:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            f"{what} needed, and nobody to ask: this is no terminal.",
            code="not_a_terminal",
            hint="Pass --token, or --username with --password-stdin, or set HUB_TOKEN.",
        )
    answer: str = typer.prompt(what, hide_input=True)
    return answer


def logout(url: HubUrl = None, is_json: AsJson = False) -> None:
    """Forget the token kept for a hub; it stays valid there. Example: hubclient logout"""
    from ..auth import logout as forget
    from ..config import resolve_url

    hub_url = resolve_url(url)
    had_token = forget(hub_url)
    if is_json:
        output.emit_json({"hub": hub_url, "had_token": had_token})
    else:
        output.say(f"Logged out of {hub_url}." if had_token else f"No token was kept for {hub_url}.")


def whoami(url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show whose token this is and what it may do. Example: hubclient whoami"""
    with open_hub(url) as hub:
        identity = hub.whoami()
    if is_json:
        output.emit_json({"hub": hub.url, **identity})
        return
    token = identity.get("token") or {}
    output.facts(
        {
            "hub": hub.url,
            "user": identity["username"],
            "namespaces": ", ".join(f"{each['name']} ({each['role']})" for each in identity["namespaces"]),
            "scopes": ", ".join(token.get("scopes") or []),
            "expires": token.get("expires_at"),
        }
    )
