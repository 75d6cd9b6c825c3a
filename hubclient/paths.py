"""Which file names may be written below a folder: the client trusts no server about that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .errors import UnsafePathError

MAX_PATH_LENGTH = 512
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def safe_relative_path(path: str) -> str:
    """The path itself, when it names a file below any folder on Linux, macOS and Windows alike.

    Raises UnsafePathError for `..`, absolute paths, drive letters, backslashes, control characters,
    reserved Windows device names, and parts that end in a dot or a space.
    """
    reason = _why_unsafe(path)
    if reason is not None:
        raise UnsafePathError(
            f"The file name {path[:200]!r} is refused: {reason}.", field="path", hint="Nothing was written."
        )
    return path


def check_paths_together(paths: Iterable[str]) -> None:
    """Refuse a set of names where two would be one file on some system, or one is a folder of another."""
    folded: set[str] = set()
    for path in paths:
        name = unicodedata.normalize("NFC", safe_relative_path(path)).casefold()
        if name in folded:
            raise UnsafePathError(f"Two files share the name {path!r} once case is ignored.", field="path")
        folded.add(name)
    for name in folded:
        parts = name.split("/")
        if any("/".join(parts[:depth]) in folded for depth in range(1, len(parts))):
            raise UnsafePathError(f"The name {name!r} needs a folder where another file is.", field="path")


def _why_unsafe(path: str) -> str | None:
    if not path or len(path) > MAX_PATH_LENGTH:
        return f"a name has 1 to {MAX_PATH_LENGTH} characters"
    if _FORBIDDEN.search(path):
        return 'it holds a backslash, a colon, a control character or one of <>"|?*'
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it is absolute or leaves its folder"
        if part[-1] in ". ":
            return "a part of it ends in a dot or a space"
        if _RESERVED.fullmatch(part):
            return f"{part!r} is a reserved device name on Windows"
    return None
