"""Texts as tokens, once for all subjects that read them alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.evaluation.base import Base, load_tokenizer, longest_tokens
from workers.evaluation.batching import Encoded


class Texts:
    """Token ids of texts, kept by tokenizer and length, so that twenty adapters share the work."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._tokenizers: dict[bytes, Any] = {}
        self._encoded: dict[tuple[str, int, int, int], list[Encoded]] = {}

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

    def encode(self, name: str, columns: Sequence[Sequence[Any]], tokenizer: Any, longest: int) -> list[Encoded]:
        """Token ids of one column of texts or of pairs, always the same under one ``name``, cut at ``longest``."""
        key = (name, id(tokenizer), longest, len(columns[0]))
        if key not in self._encoded:
            texts = [[str(text) for text in column] for column in columns]
            found = tokenizer(*texts, truncation=True, max_length=longest)
            self._encoded[key] = [
                {part: values[row] for part, values in found.items()} for row in range(len(found["input_ids"]))
            ]
        return self._encoded[key]


def _same(path: Path, other: Path) -> bool:
    return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()
