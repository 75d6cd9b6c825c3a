"""Login and logout: a token is checked or made, then kept for that one hub in a file of mode 0600."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

from .client import Hub
from .config import Config, origin_of

DEFAULT_SCOPES = ("read", "write", "review")


def login_with_token(hub: Hub, token: str) -> dict[str, Any]:
    """Keep `token` for this hub after the hub has said whose it is; returns the answer of `whoami`."""
    with Hub(hub.url, token, transport=hub.transport) as own:
        identity = own.whoami()
    _keep(hub.url, token)
    return identity


def login_with_password(
    hub: Hub,
    username: str,
    password: str,
    *,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    expires_in_days: int | None = 90,
) -> dict[str, Any]:
    """Exchange user name and password for a token and keep that; the password is not kept anywhere."""
    made = hub.connection.call(
        "POST",
        "/tokens",
        json={
            "name": f"hubclient on {socket.gethostname() or os.name}",
            "scopes": list(scopes),
            "expires_in_days": expires_in_days,
        },
        basic=(username, password),
    )
    return login_with_token(hub, str(made["token"]))


def logout(url: str) -> bool:
    """Forget the token of that hub; whether there was one. The token itself stays valid at the hub."""
    config = Config.load()
    had_one = config.tokens.pop(origin_of(url), None) is not None
    config.save()
    return had_one


def _keep(url: str, token: str) -> None:
    config = Config.load()
    config.url = url
    config.tokens[origin_of(url)] = token
    config.save()
