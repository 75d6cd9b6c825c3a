"""Pull: an exact plan from the hub, verified files from the cache, and a folder that appears all at once."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cache import BlobCache, place, sha256_of
from .connection import Connection
from .download import download
from .errors import IntegrityError, StoreRefusedError, UsageError
from .paths import check_paths_together, safe_relative_path
from .sending import Progress
from .withdrawn import forgetting

COMMIT_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PlannedFile:
    """One file of a plan: its name below the folder, its size in bytes, its digest, and where to get it."""

    path: str
    size_bytes: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Plan:
    """What `/resolve` answered, checked: nothing in it can lead out of the destination."""

    adapter: str
    version: str | None
    commit_id: str
    files: tuple[PlannedFile, ...]
    answer: Mapping[str, Any]

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Plan:
        """Check and take over the hub's answer. Raises UnsafePathError or IntegrityError `invalid_plan`."""
        try:
            files = tuple(
                PlannedFile(str(entry["path"]), int(entry["size_bytes"]), str(entry["sha256"]), str(entry["url"]))
                for entry in answer["files"]
            )
            plan = cls(str(answer["adapter"]), answer.get("version"), str(answer["commit_id"]), files, answer)
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"The hub's plan is not complete: {error!r}.", code="invalid_plan") from error
        check_paths_together(file.path for file in plan.files)
        safe_relative_path(plan.adapter)
        if not COMMIT_ID.fullmatch(plan.commit_id) or not plan.files:
            raise IntegrityError("The hub's plan names no commit or no file.", code="invalid_plan")
        return plan

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class PullResult:
    """Where the adapter is now, the plan it came by, and how many bytes had to be transferred."""

    folder: Path
    plan: Plan
    transferred_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `hubclient pull`."""
        answer = self.plan.answer
        return {
            "adapter": self.plan.adapter,
            "version": self.plan.version,
            "commit_id": self.plan.commit_id,
            "folder": str(self.folder),
            "method": answer.get("method"),
            "base_model": answer.get("base_model"),
            "files": [
                {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in self.plan.files
            ],
            "size_bytes": self.plan.size_bytes,
            "transferred_bytes": self.transferred_bytes,
            "warnings": answer.get("warnings") or [],
            "load": self.load_line,
        }

    @property
    def load_line(self) -> str:
        """The line of Python that loads what was pulled."""
        folder = str(self.folder) if self.folder.is_absolute() else f"./{self.folder.as_posix()}"
        names = [file.path for file in self.plan.files]
        if "adapter_config.json" in names and "adapter_model.safetensors" in names:
            return f"from peft import PeftModel; model = PeftModel.from_pretrained(base_model, {folder!r})"
        weights = next((name for name in names if name.endswith(".safetensors")), names[0])
        return f"from safetensors.torch import load_file; tensors = load_file({f'{folder}/{weights}'!r})"


def resolve(connection: Connection, adapter: str, base: str | None = None) -> Plan:
    """Ask the hub for the exact plan of `ns/name[@version|@commit]`, fitting `base` when that is given."""
    body = {"adapter": adapter, **({"base": base} if base else {})}
    return Plan.from_answer(connection.call("POST", "/resolve", json=body, is_repeatable=True))


def pull_adapter(
    connection: Connection,
    adapter: str,
    *,
    cache_folder: Path,
    destination: Path | None = None,
    base: str | None = None,
    is_forced: bool = False,
    on_progress: Progress | None = None,
) -> PullResult:
    """Bring an adapter to `destination`, or to its place in the cache when none is given.

    A destination that holds exactly these files is left as it is; one that holds others is replaced only when
    `is_forced`, else UsageError `destination_occupied`. What was withdrawn is a WithdrawnError, also where the cache
    holds it, and the cache forgets it.
    """
    with forgetting(cache_folder):
        plan = resolve(connection, adapter, base)
    folder = destination or cache_folder / "adapters" / plan.adapter / plan.commit_id
    if _holds(folder, plan):
        return PullResult(folder, plan, 0)
    if destination is not None and not is_forced:
        require_free(folder)
    cache = BlobCache(cache_folder)
    tell = on_progress or (lambda done, total, label: None)
    blobs, transferred = _fetch(connection, cache, plan, adapter, base, tell)

    def fill(fresh: Path) -> None:
        for file in plan.files:
            place(blobs[file.path], fresh / file.path, file.size_bytes)

    appear(folder, fill)
    return PullResult(folder, plan, transferred)


def require_free(folder: Path) -> None:
    """Raise UsageError `destination_occupied` where something is that a pull would replace."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists and holds something else.",
            code="destination_occupied",
            field="dest",
            hint="Choose another --dest, or pass --force to replace it.",
        )


def _holds(folder: Path, plan: Plan) -> bool:
    """Whether every planned file is there already, byte for byte."""
    for file in plan.files:
        path = folder / file.path
        if path.is_symlink() or not path.is_file() or path.stat().st_size != file.size_bytes:
            return False
        if sha256_of(path) != file.sha256:
            return False
    return True


def _fetch(
    connection: Connection, cache: BlobCache, plan: Plan, adapter: str, base: str | None, tell: Progress
) -> tuple[dict[str, Path], int]:
    """The cached file for each name, and how many bytes had to be transferred."""
    blobs: dict[str, Path] = {}
    urls = {file.path: file.url for file in plan.files}
    done = transferred = 0
    for file in plan.files:

        def on_bytes(count: int, before: int = done, label: str = file.path) -> None:
            tell(before + count, plan.size_bytes, label)

        promised: dict[str, Any] = {"sha256": file.sha256, "size_bytes": file.size_bytes, "on_bytes": on_bytes}
        try:
            blob, received_bytes = download(connection, cache, urls[file.path], **promised)
        except StoreRefusedError:
            fresh = resolve(connection, f"{adapter.partition('@')[0]}@{plan.commit_id}", base)
            urls.update({again.path: again.url for again in fresh.files})
            blob, received_bytes = download(connection, cache, urls[file.path], **promised)
        blobs[file.path] = blob
        done += file.size_bytes
        transferred += received_bytes
    return blobs, transferred


def appear(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` build a folder beside its final place and rename it there, the old one aside first if there is one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        fresh = building / "new"
        fresh.mkdir()
        fill(fresh)
        if folder.is_symlink() or folder.exists():
            os.rename(folder, building / "old")
        try:
            os.rename(fresh, folder)
        except OSError:
            if (building / "old").exists():
                os.rename(building / "old", folder)
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
