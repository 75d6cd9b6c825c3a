"""What of a local folder is pushed: its plain files, without what a trainer leaves behind and without pickles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import RefusedError, UsageError
from .paths import check_paths_together

PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
_TRAINER_FILES = re.compile(
    r"(optimizer|scheduler|scaler|rng_state[^/]*|training_args)\.(pt|pth|bin|safetensors)|events\.out\.tfevents.*"
)
_TRAINER_FOLDERS = re.compile(r"checkpoint-\d+|global_step\d+|__pycache__")


@dataclass(frozen=True)
class LocalFile:
    """A file that will be sent: its name in the adapter, where it lies, its size in bytes."""

    path: str
    source: Path
    size_bytes: int


def collect_files(folder: Path) -> tuple[list[LocalFile], list[str]]:
    """The files to push, sorted by name, and a note for each entry left out.

    Raises UsageError when there is nothing to push, RefusedError `pickle_refused` for a pickle, and
    UnsafePathError for a name that another system could not hold.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", field="dir", hint="Give the folder that PEFT saved.")
    files: list[LocalFile] = []
    skipped: list[str] = []
    for path, source, why in sorted(_walk(folder, PurePosixPath())):
        if why:
            skipped.append(f"{path}: {why}")
        elif source.suffix.lower() in PICKLE_SUFFIXES:
            raise RefusedError(
                f"{path} is a pickle, which can run code when it is opened.",
                code="pickle_refused",
                field=path,
                hint="Save with save_pretrained(..., safe_serialization=True), or remove the file.",
            )
        else:
            files.append(LocalFile(path, source, source.stat().st_size))
    if not files:
        raise UsageError(f"There is no plain file to push in {folder}.", code="nothing_to_push", field="dir")
    check_paths_together(file.path for file in files)
    return files, skipped


def _walk(folder: Path, below: PurePosixPath) -> Iterator[tuple[str, Path, str]]:
    """Every entry as (name, place, reason to leave it out or an empty string)."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = below / entry.name
            source = Path(entry.path)
            if entry.is_symlink():
                yield str(name), source, "a symbolic link"
            elif entry.name.startswith("."):
                yield str(name), source, "hidden"
            elif entry.is_dir():
                if _TRAINER_FOLDERS.fullmatch(entry.name):
                    yield str(name), source, "left by the trainer"
                else:
                    yield from _walk(source, name)
            elif not entry.is_file():
                yield str(name), source, "not a plain file"
            else:
                is_left_over = _TRAINER_FILES.fullmatch(entry.name)
                yield str(name), source, "left by the trainer" if is_left_over else ""
