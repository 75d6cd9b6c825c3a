"""A folder that holds an evaluation set: `set.json`, the manifest, and one file a split beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UsageError

MANIFEST = "set.json"
ROW_SUFFIXES = (".jsonl", ".csv")
# What the folder's manifest says of the set and of the folder; the rest is the revision's.
_OF_THE_SET = ("name", "summary", "visibility")


@dataclass(frozen=True)
class SetFolder:
    """The manifest of a revision, its files by split, and what the folder says of the set."""

    manifest: dict[str, Any]
    files: dict[str, Path]
    name: str
    summary: str
    visibility: str


def read_set_folder(folder: Path) -> SetFolder:
    """Read `set.json` and find its files; without `files` each `test.jsonl` or `train.csv` is the split of its name.

    Raises UsageError: no manifest, no JSON, a file that is not in the folder itself, no file at all.
    """
    from .base_folder import read_json

    if not (folder / MANIFEST).is_file():
        raise UsageError(
            f"There is no {MANIFEST} in {folder}.",
            field="path",
            hint="It says harness, metric and columns; docs/EVALUATION.md describes it.",
        )
    manifest = read_json(folder / MANIFEST, "manifest")
    said = {key: str(manifest.pop(key, "") or "") for key in _OF_THE_SET}
    named = manifest.pop("files", None) or {
        path.stem: path.name for path in sorted(folder.iterdir()) if path.suffix in ROW_SUFFIXES
    }
    if not isinstance(named, dict) or not named:
        raise UsageError(
            f"{folder / MANIFEST} names no files, and there is none that ends with {' or '.join(ROW_SUFFIXES)}.",
            field="files",
            hint='For example "files": {"test": "test.jsonl"}.',
        )
    files = {str(split): _inside(folder, str(name)) for split, name in named.items()}
    return SetFolder(manifest, files, said["name"], said["summary"], said["visibility"] or "public")


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if path.resolve().parent != folder.resolve() or not path.is_file():
        raise UsageError(f"{name!r} is no file of {folder} itself.", field="files", code="path_refused")
    return path
