"""Two cards as one text: lines that stayed, went and came, with the words that changed inside a line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

CONTEXT_LINES = 2
MOST_LINES = 2000
_MOST_WORDS = 200
_MOST_PAIRS = 100
_WORDS = re.compile(r"\s+|[^\s\w]|\w+")


@dataclass(frozen=True)
class Part:
    """A piece of a line, and whether the line beside it has something else there."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True)
class Line:
    """One line. ``kind`` is ``same``, ``removed``, ``added``, or ``skipped`` for lines left out that are equal."""

    kind: str
    text: str
    parts: tuple[Part, ...] = ()


def card_difference(before: str, after: str) -> list[Line]:
    """The differences of two texts with a little around each; empty where they are equal.

    Of texts over ``MOST_LINES`` lines, the first lines are compared and the last line says so.
    """
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return []
    is_cut = max(len(old), len(new)) > MOST_LINES
    old, new = old[:MOST_LINES], new[:MOST_LINES]
    lines: list[Line] = []
    end = compared = 0
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT_LINES):
        first = group[0][1]
        lines += _skipped(first - end)
        for kind, a, b, c, d in group:
            if kind == "equal":
                lines += [Line("same", text) for text in old[a:b]]
                continue
            is_paired = b - a == d - c and compared + b - a <= _MOST_PAIRS
            compared += b - a if is_paired else 0
            lines += _changed(old[a:b], new[c:d], is_paired)
        end = group[-1][2]
    lines += _skipped(len(old) - end)
    return [*lines, Line("skipped", f"only the first {MOST_LINES} lines are compared")] if is_cut else lines


def _skipped(count: int) -> list[Line]:
    return [Line("skipped", f"{count} equal line{'s' if count > 1 else ''}")] if count > 0 else []


def _changed(old: list[str], new: list[str], is_paired: bool) -> Iterator[Line]:
    """What went, then what came; words are compared where as many lines came as went, and not in too many lines."""
    pairs = [_words(a, b) for a, b in zip(old, new, strict=True)] if is_paired else []
    for at, text in enumerate(old):
        yield Line("removed", text, pairs[at][0] if pairs else (Part(text),))
    for at, text in enumerate(new):
        yield Line("added", text, pairs[at][1] if pairs else (Part(text),))


def _words(old: str, new: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if len(before) > _MOST_WORDS or len(after) > _MOST_WORDS or matcher.ratio() < 0.4:
        return (Part(old),), (Part(new),)
    went: list[Part] = []
    came: list[Part] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        for parts, words in ((went, before[a:b]), (came, after[c:d])):
            if words:
                parts.append(Part("".join(words), kind != "equal"))
    return tuple(went), tuple(came)
