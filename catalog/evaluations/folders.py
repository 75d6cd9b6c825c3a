"""A set as a folder: ``set.json``, the manifest with a ``files`` of ``{split: name}``, and the files beside it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from catalog.errors import InvalidInput, NotFound
from catalog.evaluations.manifests import MAX_MANIFEST_BYTES
from catalog.evaluations.reading import ROW_SUFFIXES
from catalog.evaluations.sets import SentFile

MANIFEST_NAME = "set.json"


@contextmanager
def open_folder(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, SentFile]]]:
    """The manifest and the open files of a folder. Without ``files`` each ``test.jsonl`` or ``test.csv`` is a split.

    Raises:
        NotFound: no ``set.json``, or a file that it names is not there. InvalidInput: it cannot be read, or names a
        file outside the folder.
    """
    manifest = _manifest(folder / MANIFEST_NAME)
    named = manifest.get("files") or {
        path.stem: path.name for path in sorted(folder.iterdir()) if path.suffix in ROW_SUFFIXES
    }
    if not isinstance(named, dict):
        raise InvalidInput(detail="files must be an object of split: name", field="files")
    with ExitStack() as stack:
        files = {}
        for split, name in named.items():
            path = _inside(folder, str(name))
            stream = stack.enter_context(path.open("rb"))
            files[str(split)] = SentFile(path.name, stream, path.stat().st_size)
        yield manifest, files


def _manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise NotFound(detail=f"there is no {path.name} in {path.parent}")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise InvalidInput(detail=f"{path.name} is over {MAX_MANIFEST_BYTES} bytes", field="manifest")
    try:
        manifest = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(detail=f"{path.name} is no JSON: {error}", field="manifest") from error
    if not isinstance(manifest, dict):
        raise InvalidInput(detail=f"{path.name} holds no JSON object", field="manifest")
    return manifest


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise InvalidInput(detail=f"{name!r} is not a file of the folder itself", field="files")
    if not path.is_file():
        raise NotFound(detail=f"there is no {name} in {folder}", field="files")
    return path
