"""What a job of evaluations was asked for: a base model, a set, and up to twenty subjects with their settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST_TOKENS = 512


@dataclass(frozen=True)
class Settings:
    """How one subject is measured. What is None is found out, and recorded."""

    seed: int = 0
    limit: int | None = None
    batch_size: int | None = None
    max_tokens: int | None = None
    with_probe: bool = False
    efficiency: bool = True
    analysis: bool = False

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Settings":
        """The settings this harness knows; others, which other harnesses know, are left out."""
        return cls(**{name: given[name] for name in cls.__dataclass_fields__ if given.get(name) is not None})


@dataclass(frozen=True)
class Subject:
    """An adapter's files by path, or the base model alone."""

    evaluation_id: str
    files: Mapping[str, Path] | None
    settings: Settings
    given: Mapping[str, Any] = field(default_factory=dict)
    """The settings as they were written, for harnesses that know more of them."""
    companion: Mapping[str, Path] | None = None
    """A second adapter's files, which acts beside the first, such as one for a language below one for a task."""


@dataclass(frozen=True)
class AskedSet:
    """A revision of an evaluation set: its files by split, and how they are read and scored."""

    harness: str
    files: Mapping[str, Path]
    labels: tuple[str, ...]
    columns: Mapping[str, str]
    template: str
    metric: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """The whole argument of the job."""

    base: Path
    set: AskedSet
    subjects: tuple[Subject, ...]
    device: str | None
    threads: int
    scratch: Path | None

    @classmethod
    def from_argument(cls, argument: Mapping[str, Any]) -> "Asked":
        given = argument["set"]
        return cls(
            base=Path(argument["base"]["path"]),
            set=AskedSet(
                harness=given["harness"],
                files=_paths(given["files"]),
                labels=tuple(str(label) for label in given.get("labels") or ()),
                columns=given.get("columns") or {},
                template=given.get("template") or "",
                metric=given["metric"],
                options=given.get("options") or {},
            ),
            subjects=tuple(_subject(subject) for subject in argument["subjects"]),
            device=argument.get("device"),
            threads=int(argument.get("threads") or 1),
            scratch=Path(argument["scratch"]) if argument.get("scratch") else None,
        )


def _subject(given: Mapping[str, Any]) -> Subject:
    files = None if given["files"] is None else _paths(given["files"])
    settings = given.get("settings") or {}
    companion = _paths(given["companion"]) if given.get("companion") else None
    return Subject(str(given["evaluation_id"]), files, Settings.from_dict(settings), settings, companion)


def _paths(files: Mapping[str, str]) -> dict[str, Path]:
    return {name: Path(place) for name, place in files.items()}
