"""Where the hub is and where the client keeps its files: environment first, then the user's config file."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import UsageError

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """`scheme://host:port` of a URL, in lower case and with the port written out.

    Raises UsageError `invalid_url` for anything but http and https with a host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme.lower())
    except ValueError:
        port = None
    if port is None or not parts.hostname or parts.username is not None:
        raise UsageError(
            f"{url!r} is not a hub address.",
            code="invalid_url",
            field="url",
            hint=f"Give one such as {DEFAULT_URL}, without user name or password.",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme.lower()}://{host}:{port}"


def config_file() -> Path:
    """The user's config file; `HUB_CONFIG` names another."""
    if named := os.environ.get("HUB_CONFIG"):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("hubclient") / "config.json"


def cache_folder() -> Path:
    """The folder of downloaded files and of unfinished uploads; `HUB_CACHE` names another."""
    if named := os.environ.get("HUB_CACHE"):
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("hubclient")


@dataclass
class Config:
    """What the config file holds: the hub last logged in to, and one token for each hub origin."""

    url: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Config:
        """Read the file; an absent one is an empty config, an unreadable one is a UsageError."""
        path = config_file()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            tokens = {str(origin): str(token) for origin, token in content.get("tokens", {}).items()}
            return cls(content.get("url"), tokens)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(
                f"The config file {path} cannot be read: {error}.",
                code="config_unreadable",
                hint="Repair or delete it.",
            ) from error

    def save(self) -> None:
        """Write the file atomically, readable by its owner alone (0600)."""
        write_private(config_file(), json.dumps({"url": self.url, "tokens": self.tokens}, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file at once with mode 0600; its folder is made with 0700 when it is absent."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def resolve_url(url: str | None = None) -> str:
    """The hub to talk to: the argument, `HUB_URL`, the last login, or the local default; no trailing slash."""
    chosen = (url or os.environ.get("HUB_URL") or Config.load().url or DEFAULT_URL).rstrip("/")
    origin_of(chosen)
    return chosen


def resolve_token(url: str, token: str | None = None) -> str | None:
    """The token for that hub: the argument, `HUB_TOKEN`, or the one that `login` kept for this very origin."""
    chosen = token or os.environ.get("HUB_TOKEN") or Config.load().tokens.get(origin_of(url))
    return chosen.strip() if chosen else None
