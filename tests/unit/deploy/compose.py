"""docker-compose.yml as Docker Compose reads it: YAML with anchors, and variables from the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
FILE = REPOSITORY / "docker-compose.yml"
EXAMPLE = REPOSITORY / "deploy" / "env.example"
# $$ is a dollar; ${NAME}, ${NAME:-default}, ${NAME:?message}; any other dollar is a mistake.
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z][A-Z0-9_]*)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}|(?P<wrong>))"
)


class MissingVariable(Exception):
    """A required variable is not set, or empty; the message is the file's own."""


def raw() -> dict[str, Any]:
    """The file with its variables still in it."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def variables() -> list[tuple[str, str | None, str]]:
    """Every variable of the file: name, ``-`` or ``?`` or None, and the text after it."""
    found = _VARIABLE.finditer(without_comments(FILE.read_text()))
    return [(match["name"], match["kind"], match["text"] or "") for match in found if match["name"]]


def without_comments(text: str) -> str:
    """The lines that are no comment."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with every variable filled in. Raises MissingVariable."""
    filled: dict[str, Any] = _filled(raw(), environment)
    return filled


def example() -> dict[str, str]:
    """deploy/env.example with the empty secrets filled in, as its comments ask."""
    values = dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if re.match(r"[A-Z]", line))
    filled = {
        "HUB_HOST": "hub.example.org",
        "HUB_SECRET_KEY": "1f" * 32,
        "POSTGRES_PASSWORD": "2e" * 16,
        "REDIS_PASSWORD": "3d" * 16,
        "S3_RPC_SECRET": "4c" * 32,
        "S3_ACCESS_KEY": "GK" + "5b" * 16,
        "S3_SECRET_KEY": "6a" * 32,
        "S3_PUBLIC_URL": "https://s3.hub.example.org",
    }
    return values | filled


def _filled(node: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, environment) for value in node]
    if not isinstance(node, str):
        return node
    return _VARIABLE.sub(lambda match: _value(match, environment), node)


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    if match["wrong"] is not None:
        raise ValueError(f"a lone dollar before {match.string[match.start() : match.start() + 20]!r}")
    value = environment.get(match["name"], "")
    if not value and match["kind"] == "?":
        raise MissingVariable(f"{match['name']}: {match['text']}")
    return value or (match["text"] if match["kind"] == "-" else "")
