"""The rows of a language model's set, rendered: what lm_eval's `doc_to_text`, `doc_to_target` and `doc_to_choice` mean.

Rendering follows lm_eval: the name of a column stands for its value, a number or a list for itself, and any other text
is a template. Functions (`!function`), prompts by name and paths are not among the options.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.evaluation.asked import AskedSet
from workers.evaluation.errors import Refused
from workers.evaluation.reading import Row, read_rows
from workers.evaluation.templates import RenderedText, bounded_time

OPTIONS = frozenset(
    {
        "output_type",
        "doc_to_text",
        "doc_to_target",
        "doc_to_choice",
        "description",
        "num_fewshot",
        "target_delimiter",
        "fewshot_delimiter",
    }
)
MOST_FEWSHOT = 32
_MOST_CHOICES = 64


@dataclass(frozen=True)
class Prepared:
    """Rows with ``text``, ``target``, ``choices`` (of multiple choice) and ``description``; no template is left."""

    kind: str
    metric: str
    rows: tuple[dict[str, Any], ...]
    shots: tuple[dict[str, Any], ...]
    num_fewshot: int
    target_delimiter: str
    fewshot_delimiter: str
    numbers: tuple[int, ...]
    """The place of each row in the file, from 0."""

    @property
    def expected_requests(self) -> int:
        """About how many sequences go through the model."""
        return sum(len(row.get("choices") or "1") for row in self.rows)

    def sample(self, limit: int | None, seed: int) -> Prepared:
        """At most ``limit`` rows, drawn by ``seed``, in the order of the file; the examples stay."""
        if limit is None or limit >= len(self.rows):
            return self
        drawn = sorted(random.Random(seed).sample(range(len(self.rows)), limit))
        return replace(self, rows=tuple(self.rows[place] for place in drawn), numbers=tuple(drawn))

    def spread(self, count: int) -> list[dict[str, Any]]:
        """Some rows, about ``count``, from the shortest to the longest."""
        ordered = sorted(self.rows, key=lambda row: len(str(row["text"])) + sum(map(len, _targets_of(row))))
        return ordered[:: max(1, len(ordered) // count)][:count]

    def sequences_of(self, row: Mapping[str, Any]) -> list[str]:
        """The texts of one row as the model reads them, about: the examples are the first ones for every row."""
        if self.kind == "loglikelihood_rolling":
            return _targets_of(row)
        shots = [f"{one['text']}{self.target_delimiter}{_right_of(one)}" for one in self.shots[: self.num_fewshot]]
        before = f"{row['description']}{self.fewshot_delimiter.join([*shots, str(row['text'])])}"
        return [f"{before}{self.target_delimiter}{target}" for target in _targets_of(row)]

    def longest_row(self, tokenizer: Any, most: int) -> int:
        """Tokens of the longest row with its examples, about, and at most ``most``."""
        own = max((str(row["text"]) + max(_targets_of(row), key=len) for row in self.rows), key=len)
        shots = sorted((str(row["text"]) + max(_targets_of(row), key=len) for row in self.shots), key=len)
        text = "".join([*shots[-self.num_fewshot :], own]) if self.num_fewshot else own
        return min(most, len(tokenizer(text)["input_ids"]) + 1)


def prepare(asked: AskedSet, kind: str) -> Prepared:
    """Read and render the set's rows.

    Raises:
        Refused: ``option_invalid``, ``template_refused``, ``columns_missing``, or what reading refuses.
    """
    options = asked.options
    if unknown := sorted(set(options) - OPTIONS):
        raise Refused(
            "option_invalid", f"a language model's set has no option {unknown[0]!r}", f"It has {sorted(OPTIONS)}."
        )
    num_fewshot = options.get("num_fewshot") or 0
    if not isinstance(num_fewshot, int) or not 0 <= num_fewshot <= MOST_FEWSHOT:
        raise Refused("option_invalid", f"num_fewshot is a number from 0 to {MOST_FEWSHOT}; received {num_fewshot!r}")
    if num_fewshot and "train" not in asked.files:
        raise Refused("option_invalid", "num_fewshot needs a split 'train' to take examples from")
    reader = _Reader(asked, kind)
    asked_rows, examples = _rows(asked, "test"), _rows(asked, "train") if num_fewshot else []
    with bounded_time():
        rows = [reader.row(row, number) for number, row in enumerate(asked_rows, start=1)]
        shots = [reader.row(row, number) for number, row in enumerate(examples, start=1)]
    if len(shots) < num_fewshot:
        raise Refused("option_invalid", f"num_fewshot is {num_fewshot}, but split 'train' has {len(shots)} rows")
    return Prepared(
        kind,
        asked.metric,
        tuple(rows),
        tuple(shots),
        num_fewshot,
        _text_option(options, "target_delimiter", " "),
        _text_option(options, "fewshot_delimiter", "\n\n"),
        tuple(range(len(rows))),
    )


def _rows(asked: AskedSet, split: str) -> Sequence[Row]:
    if split not in asked.files:
        raise Refused("set_empty", f"the set has no split {split!r}")
    rows = read_rows(asked.files[split], split)
    if not rows:
        raise Refused("set_empty", f"split {split!r} has no rows")
    return rows


class _Reader:
    """How a row of the file becomes a row of the task."""

    def __init__(self, asked: AskedSet, kind: str) -> None:
        options = asked.options
        self._kind = kind
        self._text = _Part("doc_to_text", options.get("doc_to_text", asked.template or ""))
        self._target = _Part("doc_to_target", options.get("doc_to_target", asked.columns.get("label", "target")))
        default = list(asked.labels) or asked.columns.get("choices", "choices")
        self._choices = _Part("doc_to_choice", options.get("doc_to_choice", default))
        self._description = _Part("description", options.get("description", ""))

    def row(self, row: Row, number: int) -> dict[str, Any]:
        """One rendered row. Raises Refused."""
        text = _as_text(self._text(row, number))
        found: dict[str, Any] = {"text": text, "description": _as_text(self._description(row, number))}
        target = self._target(row, number)
        if self._kind != "multiple_choice":
            found["target"] = _as_text(target)
            if not found["target"]:
                raise _misses("doc_to_target", number, "is empty")
            return found
        found["choices"] = choices = self._choices_of(row, number)
        found["target"] = _index(target, choices, number)
        return found

    def _choices_of(self, row: Row, number: int) -> list[str]:
        said = self._choices(row, number)
        if isinstance(said, str):
            # A template writes a list as Python does: "['yes', 'no']".
            try:
                said = ast.literal_eval(said)
            except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
                raise _misses("doc_to_choice", number, f"is no list: {said[:80]!r}") from error
        if isinstance(said, Mapping):
            said = list(said.values())
        if not isinstance(said, list | tuple) or not 2 <= len(said) <= _MOST_CHOICES:
            raise _misses("doc_to_choice", number, f"is no list of 2 to {_MOST_CHOICES} choices")
        choices = [_as_text(choice) for choice in said]
        if not all(choices):
            raise _misses("doc_to_choice", number, "has an empty choice")
        return choices


class _Part:
    """A column's name, a constant or a template."""

    def __init__(self, name: str, said: Any) -> None:
        if not isinstance(said, str | int | list) or isinstance(said, bool):
            raise Refused(
                "option_invalid", f"{name} is a column, a template, a number or a list; received {said!r:.80}"
            )
        self._name, self._said = name, said
        self._render: RenderedText | None = None

    def __call__(self, row: Row, number: int) -> Any:
        if not isinstance(self._said, str):
            return self._said
        if self._said in row:
            return row[self._said]
        if self._said.isidentifier() and self._name != "description":
            raise Refused(
                "columns_missing",
                f"row {number} has no {self._said!r}, which {self._name} names; it has {sorted(row)[:20]}",
                f"Name another column in `{self._name}`, or write a template such as {{{{{self._said}}}}}.",
            )
        if self._render is None:
            self._render = RenderedText(self._said, part=self._name)
        return self._render(row, number)


def _index(target: Any, choices: Sequence[str], number: int) -> int:
    """The place of the right choice: its index, in digits too, or its text."""
    if isinstance(target, str) and target not in choices and target.strip().isdecimal():
        target = int(target)
    if isinstance(target, str) and target in choices:
        return choices.index(target)
    if isinstance(target, int) and not isinstance(target, bool) and 0 <= target < len(choices):
        return target
    raise _misses("doc_to_target", number, f"is none of the {len(choices)} choices: {target!r:.80}")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _targets_of(row: Mapping[str, Any]) -> list[str]:
    return list(row.get("choices") or [str(row["target"])])


def _right_of(row: Mapping[str, Any]) -> str:
    return str(row["choices"][row["target"]] if "choices" in row else row["target"])


def _text_option(options: Mapping[str, Any], name: str, default: str) -> str:
    value = options.get(name, default)
    if not isinstance(value, str) or len(value) > 100:
        raise Refused("option_invalid", f"{name} is a short text; received {value!r:.80}")
    return value


def _misses(part: str, number: int, what: str) -> Refused:
    return Refused("template_refused", f"{part} of row {number} {what}")
