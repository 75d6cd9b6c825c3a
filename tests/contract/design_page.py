"""What docs/API-DESIGN.md promises: its error codes and its endpoints."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "API-DESIGN.md").read_text("utf-8")


def documented_codes() -> set[tuple[int, str]]:
    """Each ``(status, code)`` of the table of errors."""
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", PAGE, re.MULTILINE)
    return {(int(status), code) for status, cell in rows for code in re.findall(r"`([a-z_]+)`", cell)}


def documented_calls() -> set[tuple[str, str]]:
    """Each ``(method, path)`` of the section Endpoints, parameters written as ``{}``."""
    section = PAGE[PAGE.index("## Endpoints") : PAGE.index("## Known quirks")]
    calls = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s]*)`", section)
    return {(method, normal(path)) for method, path in calls}


def normal(path: str) -> str:
    """``/adapters/{ns}/{name}?q=`` as ``/adapters/{}/{}``."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0]).rstrip("/") or "/"
