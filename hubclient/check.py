"""The hub's own verdict on a folder before anything is sent: same code as the hub's, offline and without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .config import write_private
from .errors import HubError, NetworkError, UsageError
from .folder import collect_files
from .own_kernels import load_kernels

FetchTable = Callable[[str, str | None], Mapping[str, Any]]


def check_folder(folder: Path, *, base: Any = None, declared_base: str | None = None) -> Any:
    """The `Inspection` of the files that a push of `folder` would send.

    `base` is a `BaseShapes`, or None to check no shapes. Raises UsageError `extra_missing` without the kernels.
    """
    files, _ = collect_files(folder)
    inspection = load_kernels("formats.inspection", extra="check")
    return inspection.inspect_folder({file.path: file.source for file in files}, base=base, declared_base=declared_base)


def split_base(base: str) -> tuple[str, str | None]:
    """`id@revision` as its two parts; the revision is None when it is not named."""
    base_id, _, revision = base.partition("@")
    return base_id, revision or None


class ShapeTables:
    """Shape tables of base models: from a local folder, from the hub, or from the last time the hub was asked."""

    def __init__(self, cache_folder: Path, hub_url: str) -> None:
        self.folder = cache_folder / "shapes"
        self.hub_url = hub_url

    def load(self, base: str, fetch: FetchTable | None) -> Any:
        """The `BaseShapes` of a model folder, a table file (`.json`) or a base model's `id[@revision]`.

        `fetch(id, revision)` asks the hub; None means offline. Raises UsageError `base_not_cached` when offline
        and never seen, and what the hub answers.
        """
        place = Path(base)
        shapes = load_kernels("formats.base_shapes", extra="check").BaseShapes
        try:
            if place.is_dir():
                return shapes.from_safetensors_folder(place)
            if place.suffix == ".json" and place.is_file():
                return _from_file(shapes, place)
            return shapes.from_dict(self._table(base, fetch))
        except ValueError as error:
            raise UsageError(
                f"{base}: {error}", code=getattr(error, "code", "shapes_malformed"), field="base"
            ) from error

    def _table(self, base: str, fetch: FetchTable | None) -> Mapping[str, Any]:
        kept = self.folder / f"{hashlib.sha256(f'{self.hub_url} {base}'.encode()).hexdigest()}.json"
        unreachable: HubError | None = None
        if fetch is not None:
            try:
                table: Mapping[str, Any] = fetch(*split_base(base))["table"]
                write_private(kept, json.dumps(table))
                return table
            except NetworkError as error:
                unreachable = error
        try:
            return dict(json.loads(kept.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            if unreachable is not None:
                raise unreachable from None
            raise UsageError(
                f"The shapes of {base} are not on this machine.",
                code="base_not_cached",
                field="base",
                hint="Run the check once without --offline, or give a model folder.",
            ) from None


def _from_file(shapes: Any, place: Path) -> Any:
    content = json.loads(place.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "table" in content:
        content = content["table"]
    if "format_version" in content:
        return shapes.from_dict(content)
    return shapes.from_parameter_shapes(content, id=place.stem)
