"""Entries in files: JSON lines, JSON, and AdapterHub's folders of YAML."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.records.claims import Refused

MAX_LINE_BYTES = 4 << 20
MAX_YAML_BYTES = 1 << 20
MAX_JSON_BYTES = 64 << 20
_LINES = (".jsonl", ".ndjson")
_YAML = (".yaml", ".yml")
# Folders of AdapterHub's repository that describe other things than adapters, or repeat them.
_NO_ENTRIES = {"architectures", "tasks", "subtasks", "dist", "scripts", "templates", "node_modules", "__pycache__"}


@dataclass(frozen=True)
class Found:
    """One entry as it stands in a file, or why it cannot be read. ``where`` is file and line, from the given path."""

    where: str
    data: dict[str, Any]
    path: str = ""
    """``org/name`` where the file's own place says it."""
    is_yaml: bool = False
    refusal: Refused | None = None


class _TextLoader(yaml.BaseLoader):
    """YAML in which every value stays the text that was written, and aliases are refused (no alias bombs)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def entries_in(path: Path) -> Iterator[Found]:
    """Every entry of a file or of a folder, in a fixed order; a line that cannot be read is yielded with its reason."""
    if path.is_dir():
        for file in _files_of(path):
            yield from _of_file(file, file.relative_to(path).as_posix())
    else:
        yield from _of_file(path, path.name)


def _files_of(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NO_ENTRIES and not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith((*_LINES, *_YAML)) and not name.startswith("."):
                yield Path(place) / name


def _of_file(file: Path, where: str) -> Iterator[Found]:
    try:
        if file.suffix.lower() in _YAML:
            yield _yaml_entry(file, where)
        elif file.suffix.lower() == ".json":
            yield from _json_entries(file, where)
        else:
            yield from _lines(file, where)
    except OSError as error:
        yield _refused(where, "unreadable", f"the file cannot be read: {error.strerror or 'input error'}")


def _lines(file: Path, where: str) -> Iterator[Found]:
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            here = f"{where}:{number}"
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_LINE_BYTES)
                yield _refused(here, "too_large", f"the line is over {MAX_LINE_BYTES >> 20} MiB")
            elif line.strip() not in (b"", b"\xef\xbb\xbf"):
                yield from _json_line(line, here)


def _json_line(line: bytes, where: str) -> Iterator[Found]:
    """The entry of a line, or those of a list in it."""
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        yield _refused(where, "not_utf8", "the line is not UTF-8")
    except (ValueError, RecursionError) as error:
        yield _refused(where, "not_json", f"the line is not JSON: {str(error)[:150]}")
    else:
        if isinstance(data, list) and data:
            yield from (_entry(row, f"{where}[{number}]") for number, row in enumerate(data))
        else:
            yield _entry(data, where)


def _json_entries(file: Path, where: str) -> Iterator[Found]:
    """A JSON file: one entry, a list of them, or a mapping from ids to them."""
    if file.stat().st_size > MAX_JSON_BYTES:
        yield _refused(where, "too_large", f"the file is over {MAX_JSON_BYTES >> 20} MiB; JSON lines may be longer")
        return
    try:
        data = json.loads(file.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        yield _refused(where, "not_utf8", "the file is not UTF-8")
    except (ValueError, RecursionError) as error:
        yield _refused(where, "not_json", f"the file is not JSON: {str(error)[:150]}")
    else:
        rows = data if isinstance(data, list) else [data]
        if isinstance(data, dict) and data and all(isinstance(row, dict) for row in data.values()):
            rows = [{"id": key, **row} for key, row in data.items()]
        for number, row in enumerate(rows):
            yield _entry(row, f"{where}[{number}]")


def _yaml_entry(file: Path, where: str) -> Found:
    if file.stat().st_size > MAX_YAML_BYTES:
        return _refused(where, "too_large", f"the file is over {MAX_YAML_BYTES >> 20} MiB")
    try:
        # A loader that makes texts, lists and mappings only.
        data = yaml.load(file.read_bytes().decode("utf-8-sig"), Loader=_TextLoader)
    except UnicodeDecodeError:
        return _refused(where, "not_utf8", "the file is not UTF-8")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return _refused(
            where, "not_yaml", f"the file is not YAML that is read here: {' '.join(str(error).split())[:150]}"
        )
    path = f"{file.parent.name}/{file.stem}" if file.parent.name not in ("", "adapters") else file.stem
    return _entry(data, where, path=path, is_yaml=True)


def _entry(data: Any, where: str, *, path: str = "", is_yaml: bool = False) -> Found:
    if not isinstance(data, dict):
        return _refused(where, "not_an_entry", f"it is no mapping of fields but {type(data).__name__}")
    return Found(where, {str(key): value for key, value in data.items()}, path=path, is_yaml=is_yaml)


def _refused(where: str, code: str, detail: str) -> Found:
    return Found(where, {}, refusal=Refused(code, detail))
