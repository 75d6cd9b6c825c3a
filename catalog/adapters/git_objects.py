"""Ids of git trees and commits, computed without a repository (format: ``git hash-object -t tree|commit``)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

_FILE_MODE = b"100644"
_FOLDER_MODE = b"40000"


def tree_id(files: Iterable[tuple[str, str]]) -> str:
    """Id of the tree that holds ``files``: pairs of a path such as ``a/b.txt`` and a git blob id (40 hex)."""
    folders: dict[str, list[tuple[str, str]]] = {}
    entries: list[tuple[bytes, bytes, str]] = []
    for path, blob_id in files:
        head, separator, rest = path.partition("/")
        if separator:
            folders.setdefault(head, []).append((rest, blob_id))
        else:
            entries.append((head.encode(), _FILE_MODE, blob_id))
    entries += [(head.encode(), _FOLDER_MODE, tree_id(inside)) for head, inside in folders.items()]
    # git sorts a folder as if its name ended in a slash.
    entries.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == _FOLDER_MODE else b""))
    body = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(object_id) for name, mode, object_id in entries)
    return _object_id(b"tree", body)


def commit_id(*, tree: str, parent: str | None, author: str, email: str, moment: datetime, message: str) -> str:
    """Id of the commit over ``tree`` (40 hex) with at most one parent, author and committer the same."""
    who = f"{_plain(author)} <{_plain(email)}> {int(moment.timestamp())} +0000"
    lines = [f"tree {tree}"]
    if parent:
        lines.append(f"parent {parent}")
    lines += [f"author {who}", f"committer {who}", "", message]
    return _object_id(b"commit", "\n".join(lines).encode() + b"\n")


def _object_id(kind: bytes, body: bytes) -> str:
    return hashlib.sha1(kind + b" %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _plain(text: str) -> str:
    return "".join(character for character in text if character not in "<>\n\0").strip() or "unknown"
