"""Tree and commit ids are those that git itself computes for the same files."""

import hashlib
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog.adapters.git_objects import commit_id, tree_id

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TREES = {
    "one file": ["a"],
    "nested": ["README.md", "a/b/c/d.txt", "a/b/e.txt", "z"],
    "a folder sorts as if it ended in a slash": ["a.b", "a/x", "a0", "a-b"],
    "bytes, not letters": ["B", "a", "_", "Z/a", "é"],
    "same content twice": ["one", "two"],
    "many": [f"layers/{n}/adapter.safetensors" for n in range(20)] + ["adapter_config.json"],
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository."""
    git(tmp_path, "init", "-q")
    return tmp_path


def git(folder: Path, *words: str, text: str | None = None, **environment: str) -> str:
    """Run the git binary, apart from anybody's configuration."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **environment}
    done = subprocess.run(["git", *words], cwd=folder, env=variables, input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def content(path: str) -> bytes:
    return b"same" if path in ("one", "two") else f"content of {path}\n".encode()


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.mark.parametrize("paths", TREES.values(), ids=TREES)
def test_a_tree_has_the_id_that_git_gives_it(repository, paths):
    for path in paths:
        target = repository / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content(path))
    git(repository, "add", "-A")
    expected = git(repository, "write-tree")
    assert tree_id((path, blob_id(content(path))) for path in reversed(paths)) == expected


@pytest.mark.parametrize("message", ["first", "Subject\n\nBody with é.", ""])
@pytest.mark.parametrize("has_parent", [False, True])
def test_a_commit_has_the_id_that_git_gives_it(repository, message, has_parent):
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "pusher"), ("EMAIL", "pusher@example.org"), ("DATE", "1772600767 +0000"))
    }
    tree = git(repository, "write-tree")
    parent = git(repository, "commit-tree", tree, text="root\n", **who) if has_parent else None
    expected = git(repository, "commit-tree", tree, *(["-p", parent] if parent else []), text=f"{message}\n", **who)
    given = commit_id(
        tree=tree, parent=parent, author="pusher", email="pusher@example.org", moment=MOMENT, message=message
    )
    assert given == expected


@pytest.mark.parametrize("name", ["a <b> c\nparent 0", "<>", ""])
def test_a_name_cannot_write_a_line_of_the_commit(name):
    """Angle brackets and line breaks would let a user's name forge a header."""
    plain = "".join(letter for letter in name if letter not in "<>\n").strip() or "unknown"
    options: dict[str, Any] = {
        "tree": "0" * 40,
        "parent": None,
        "email": "x@example.org",
        "moment": MOMENT,
        "message": "m",
    }
    assert commit_id(author=name, **options) == commit_id(author=plain, **options)
