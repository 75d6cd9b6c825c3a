"""Words and labels of an entry, cut in one way for both databases: they only index what stands between blanks."""

import re
import unicodedata
from collections.abc import Iterable

_LONGEST = 60
_ACCENTS = re.compile("[\u0300-\u036f]")
# Scripts without blanks between words: every sign is a word, and a word of several is a phrase.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF))
_LABEL_SIGNS = frozenset("-_.+:/=#@")
# Signs and not words before a label: what the release before looks for.
_SIGNS = {"tag": "#", "language": "@"}


class _Cut(dict[int, str]):
    """For ``str.translate``: letters, digits and their marks stay, whatever else there is parts words."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if any(first <= code <= last for first, last in _UNSPACED):
            cut = f" {sign} " if unicodedata.category(sign)[0] in "LN" else sign
        else:
            cut = sign if unicodedata.category(sign)[0] in "LNM" else " "
        self[code] = cut
        return cut


class _Whole(dict[int, str]):
    """The same for a label, which is one word: what neither index can hold becomes ``_``."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = sign if sign in _LABEL_SIGNS or unicodedata.category(sign)[0] in "LNM" else "_"
        return self[code]


_cut, _whole = _Cut(), _Whole()


def words_of(text: str) -> list[str]:
    """The words of ``text``: folded, without accents, in their order."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return [word[:_LONGEST] for word in unicodedata.normalize("NFC", plain).casefold().translate(_cut).split()]


def label(name: str, value: object) -> str:
    """One exact word, such as ``method=lora`` or ``#legal``: no word of a text is ever equal to it."""
    return f"{_SIGNS.get(name, f'{name}=')}{value}".casefold().translate(_whole)


def joined(words: Iterable[str]) -> str:
    """``" a b "``: what is kept, for the indexes to cut at the blanks."""
    return f" {' '.join(words)} "
