"""The manifest of a set's revision: everything that decides a score, but for the rows themselves."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog.errors import InvalidInput, Unprocessable
from catalog.evaluations.harnesses import ASKED, Asked, asked_by
from catalog.evaluations.language_options import check_generation, check_language_model
from catalog.evaluations.models import Harness
from catalog.plain import plain_value
from catalog.taxonomy.languages import language_tag
from catalog.taxonomy.licenses import spdx_expression

MAX_MANIFEST_BYTES = 256 << 10
_MOST_LABELS, _MOST_COLUMNS, _MOST_LANGUAGES = 10_000, 20, 50
_WORD = re.compile(r"[a-z0-9][a-z0-9+./:_-]{0,79}")
_PART = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OPTIONS: dict[str, Callable[[dict[str, Any], str], None]] = {
    Harness.LANGUAGE_MODEL: check_language_model,
    Harness.GENERATION: check_generation,
}
# What a folder's manifest may say besides, for whoever registers the folder.
_OF_THE_FOLDER = frozenset({"files", "name", "summary", "visibility"})
_TYPES: dict[str, type] = {
    "harness": str,
    "metric": str,
    "task": str,
    "languages": list,
    "license": str,
    "labels": list,
    "columns": dict,
    "template": str,
    "options": dict,
    "is_hidden": bool,
}


@dataclass(frozen=True)
class Manifest:
    """How the rows of a revision are read, asked and scored, in normal form."""

    harness: str
    metric: str
    task: str
    languages: list[str]
    license: str
    labels: list[str]
    columns: dict[str, str]
    template: str
    options: dict[str, Any]
    is_hidden: bool

    @property
    def asked(self) -> Asked:
        """What its harness needs."""
        return asked_by(self.harness)


def read_manifest(given: Any) -> Manifest:
    """The manifest that ``given`` (a JSON object) says.

    Raises:
        InvalidInput: ``unknown_field``, a wrong type, an unknown harness, ``invalid_language``, ``invalid_license``.
        Unprocessable: ``metric_unknown``; ``columns_missing`` when a part that the harness needs has no column.
    """
    said = _typed(given)
    harness = said.get("harness", "")
    if harness not in ASKED:
        raise InvalidInput(
            detail=f"unknown harness {harness[:80]!r}", field="manifest", hint=f"One of {', '.join(sorted(ASKED))}."
        )
    manifest = Manifest(
        harness=harness,
        metric=_metric(asked_by(harness), said.get("metric", "")),
        task=_word(said.get("task", "")),
        languages=_languages(said.get("languages", [])),
        license=spdx_expression(said["license"]) if said.get("license") else "",
        labels=_labels(said.get("labels", [])),
        columns=_columns(asked_by(harness), said.get("columns", {})),
        template=said.get("template", "")[:20_000],
        options=said.get("options", {}),
        is_hidden=said.get("is_hidden", False),
    )
    if harness in _OPTIONS:
        _OPTIONS[harness](manifest.options, manifest.metric)
    return manifest


def _typed(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput(detail="a manifest is a JSON object", field="manifest")
    try:
        plain: dict[str, Any] = plain_value(given)
    except RecursionError as error:
        raise InvalidInput(detail="the manifest is nested too deeply", field="manifest") from error
    said = {key: value for key, value in plain.items() if key not in _OF_THE_FOLDER}
    for key, value in said.items():
        if key not in _TYPES:
            known = ", ".join(sorted(_TYPES))
            raise InvalidInput("unknown_field", f"a manifest has no {key[:80]!r}", field="manifest", hint=known)
        if not isinstance(value, _TYPES[key]):
            detail = f"{key} is {type(value).__name__}; it must be {_TYPES[key].__name__}"
            raise InvalidInput(detail=detail, field="manifest")
    if len(json.dumps(said)) > MAX_MANIFEST_BYTES:
        raise InvalidInput(detail=f"the manifest is over {MAX_MANIFEST_BYTES} bytes", field="manifest")
    return said


def _metric(asked: Asked, metric: str) -> str:
    if metric in asked.metrics:
        return metric
    raise Unprocessable(
        "metric_unknown",
        f"this harness has no metric {metric[:80]!r}",
        field="manifest",
        hint=f"One of {', '.join(sorted(asked.metrics))}.",
    )


def _columns(asked: Asked, columns: dict[str, Any]) -> dict[str, str]:
    """Which column plays which part; a part without a column of its own is the column of the same name."""
    if len(columns) > _MOST_COLUMNS:
        raise InvalidInput(detail=f"{len(columns)} columns; at most {_MOST_COLUMNS}", field="manifest")
    for part, column in columns.items():
        if not _PART.fullmatch(part) or not isinstance(column, str) or not 0 < len(column) <= 200:
            raise InvalidInput(detail=f"columns: {part[:80]!r} must name a column", field="manifest")
    needed = {part for parts in asked.parts.values() for part in parts}
    return {**{part: part for part in sorted(needed)}, **columns}


def _labels(labels: list[Any]) -> list[str]:
    named = [label if isinstance(label, str) else json.dumps(label) for label in labels]
    if len(named) > _MOST_LABELS:
        raise InvalidInput(detail=f"{len(named)} labels; at most {_MOST_LABELS}", field="manifest")
    wrong = next((label for label in named if not 0 < len(label) <= 200), None)
    if wrong is not None:
        raise InvalidInput(detail="a label has 1 to 200 characters", field="manifest")
    if len(set(named)) < len(named):
        raise InvalidInput(detail="a label is listed twice", field="manifest")
    return named


def _languages(tags: list[Any]) -> list[str]:
    return list(dict.fromkeys(language_tag(str(tag)) for tag in tags[:_MOST_LANGUAGES]))


def _word(text: str) -> str:
    word = "-".join(text.strip().casefold().split())
    if word and not _WORD.fullmatch(word):
        raise InvalidInput(detail=f"{text[:80]!r} cannot name a task", field="manifest")
    return word
