"""Texts as tokens, once for all subjects that read them alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.evaluation.base import Base, load_tokenizer, longest_tokens
from workers.evaluation.batching import Encoded
from workers.evaluation.errors import Refused


@dataclass(frozen=True)
class EncodedRows:
    """Rows as tokens, and for rows of words where each word's first token is (-1: it was cut off)."""

    rows: list[Encoded]
    firsts: list[list[int]]


class Texts:
    """Token ids of texts, kept by tokenizer and length, so that twenty adapters share the work."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._tokenizers: dict[bytes, Any] = {}
        self._encoded: dict[tuple[str, int, int, int], EncodedRows] = {}

    def tokenizer(self, own: Path | None) -> tuple[Any, str]:
        """The tokenizer in ``own``, or the base's where it brings none or the same; and whose it is."""
        base = self._base.folder / "tokenizer.json"
        if own is None or (base.is_file() and _same(own / "tokenizer.json", base)):
            return self._base.tokenizer, "base"
        content = (own / "tokenizer.json").read_bytes()
        if content not in self._tokenizers:
            self._tokenizers[content] = load_tokenizer(own)
        return self._tokenizers[content], "adapter"

    def longest(self, tokenizer: Any, config: Any, asked: int | None, virtual: int = 0) -> int:
        """How many tokens of a row are read."""
        return longest_tokens(tokenizer, config, asked, virtual)

    def encode(
        self, name: str, columns: Sequence[Sequence[Any]], tokenizer: Any, longest: int, *, are_words: bool = False
    ) -> "EncodedRows":
        """Token ids of one column of texts or of pairs, always the same under one ``name``, cut at ``longest``.

        With ``are_words`` each text is a list of words. Raises Refused ``no_tokenizer``.
        """
        key = (name, id(tokenizer), longest, len(columns[0]))
        if key not in self._encoded:
            texts = columns if are_words else [[str(text) for text in column] for column in columns]
            try:
                found = tokenizer(*texts, truncation=True, max_length=longest, is_split_into_words=are_words)
                count = len(found["input_ids"])
                words = [found.word_ids(row) for row in range(count)] if are_words else []
            except (AssertionError, ValueError) as error:
                raise Refused("no_tokenizer", f"the tokenizer cannot read these rows: {error}"[:1000]) from error
            rows = [{part: values[row] for part, values in found.items()} for row in range(count)]
            firsts = [_firsts(own, len(column)) for own, column in zip(words, columns[0], strict=False)]
            self._encoded[key] = EncodedRows(rows, firsts)
        return self._encoded[key]


def _firsts(words: Sequence[int | None], count: int) -> list[int]:
    """For each of ``count`` words the place of its first token; -1 where it was cut off."""
    places = [-1] * count
    for place in range(len(words) - 1, -1, -1):
        if (word := words[place]) is not None:
            places[word] = place
    return places


def _same(path: Path, other: Path) -> bool:
    return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()
