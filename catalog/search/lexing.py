"""A search text as tokens: words, phrases and filters, each with its place in the text."""

import re
import string
from dataclasses import dataclass

from catalog.errors import InvalidInput

MAX_CHARACTERS = 500
MAX_TOKENS = 40
_NAME = re.compile(r"([A-Za-z][A-Za-z_-]{0,30})\s*(:|(?=[<>=≤≥]))")
_SPACE = re.compile(r"\s+")
# A size may have a blank before its unit.
_SIZE = re.compile(r"[\d.]+ (?=[kmgt]i?b\b)", re.IGNORECASE)
_COMPARISON = re.compile(r"\s*(<=|>=|[<>=≤≥])\s*")
# What phones and word processors make of ".
_QUOTES = str.maketrans(dict.fromkeys("“”„«»", '"'))


@dataclass(frozen=True)
class Value:
    """One value of a filter; in quotes, an operator or a comma is a letter like any other."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True)
class Token:
    """One token: ``-lang:de,fr`` has the name ``lang``, two values, and is negated. A word has no name."""

    source: str
    start: int
    name: str = ""
    values: tuple[Value, ...] = ()
    is_negated: bool = False

    @property
    def end(self) -> int:
        """The place after its last letter."""
        return self.start + len(self.source)


def tokens_of(text: str, *, comparable: frozenset[str] = frozenset()) -> list[Token]:
    """The tokens of ``text`` in order.

    ``comparable`` are the names that may stand before ``<=`` without a colon; elsewhere such a sign is part of a word.
    A quotation mark that is never closed closes at the end. Raises InvalidInput ``invalid_query``: too long.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(
            "invalid_query",
            f"the query has {len(text)} characters; at most {MAX_CHARACTERS} are read",
            field="q",
            hint="Leave words out: every word narrows the search.",
        )
    # NUL is nothing that PostgreSQL could hold, and nobody types it.
    found = _Reader(text.replace("\0", " ").translate(_QUOTES), comparable).tokens()
    if len(found) > MAX_TOKENS:
        raise InvalidInput(
            "invalid_query",
            f"the query has {len(found)} words and filters; at most {MAX_TOKENS} are read",
            field="q",
            hint="Name several values of one filter with commas: lang:de,fr.",
        )
    return found


class _Reader:
    """Walks through a text once, from left to right."""

    def __init__(self, text: str, comparable: frozenset[str]) -> None:
        self.text = text
        self.comparable = comparable
        self.at = 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while True:
            self._skip_space()
            if self.at >= len(self.text):
                return found
            found.append(self._token())

    def _token(self) -> Token:
        start = self.at
        is_negated = self._takes_minus()
        name = self._name()
        values = self._values() if name else (self._value(ends=" "),)
        return Token(self.text[start : self.at].rstrip(), start, name.casefold(), values, is_negated)

    def _takes_minus(self) -> bool:
        following = self.text[self.at + 1 : self.at + 2]
        is_minus = self.text[self.at] == "-" and following not in ("", "-") and not following.isspace()
        self.at += is_minus
        return is_minus

    def _name(self) -> str:
        """The name before a colon or a comparison, and the reader behind it; empty for a word."""
        found = _NAME.match(self.text, self.at)
        if found is None:
            return ""
        name, colon = found.groups()
        # An address is a word; so is a<b.
        if self.text.startswith("//", found.end()) or (not colon and name.casefold() not in self.comparable):
            return ""
        self.at = found.end()
        return name

    def _values(self) -> tuple[Value, ...]:
        self._skip_space_before_value()
        comparison = _COMPARISON.match(self.text, self.at)
        self.at = comparison.end() if comparison else self.at
        found = [self._value(ends=" ,")]
        if comparison:
            found[0] = Value(_plain(comparison.group(1)) + found[0].text)
        while self.text.startswith(",", self.at):
            self.at += 1
            found.append(self._value(ends=" ,"))
        return tuple(value for value in found if value.text) or (Value(""),)

    def _skip_space_before_value(self) -> None:
        """``base: llama-3`` means what it looks like; ``base: method:lora`` has a filter without a value."""
        following = _SPACE.match(self.text, self.at)
        if following and following.end() < len(self.text):
            is_other = self.text[following.end()] == "-" or _NAME.match(self.text, following.end())
            self.at = self.at if is_other else following.end()

    def _value(self, *, ends: str) -> Value:
        if self.text.startswith('"', self.at):
            end = self.text.find('"', self.at + 1)
            inner = self.text[self.at + 1 : end if end >= 0 else len(self.text)]
            self.at = end + 1 if end >= 0 else len(self.text)
            return Value(" ".join(inner.split()), is_quoted=True)
        start = self.at
        if sized := _SIZE.match(self.text, start):
            self.at = sized.end()
        while self.at < len(self.text) and not self._is_end(self.text[self.at], ends):
            self.at += 1
        return Value(self.text[start : self.at])

    def _is_end(self, letter: str, ends: str) -> bool:
        return letter.isspace() or letter == '"' or (letter == "," and "," in ends)

    def _skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at


def _plain(comparison: str) -> str:
    return {"≤": "<=", "≥": ">="}.get(comparison, comparison)


def plain_word(text: str) -> str:
    """A word without the brackets and minus signs around it, which nobody searches for; empty where nothing is left."""
    word = text.lstrip("(-")
    word = word if "(" in word else word.rstrip(")")
    return word if word.strip(string.punctuation) else ""
