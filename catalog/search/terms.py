"""What a query asks of the word index, and how each database writes it."""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.search.query import ANY_OF, SearchQuery, Term
from catalog.search.tokens import label, words_of
from catalog.taxonomy.domains import find_domain

_ENDINGS = ("s", "es", "e", "n", "en")
_SHORTEST = 4
"""A word of so many letters stands for its other numbers too, in the languages that write them with ``_ENDINGS``."""
_BEGINNING = "*"

LABELLED = ("tag", "language", "domain")
INDEXED_ONLY = ("text", "phrase", *LABELLED)
"""What no column of an entry knows: of several domains a column holds the first."""


@dataclass(frozen=True)
class Atom:
    """One word, or several that follow each other; the last may go on where ``is_beginning``."""

    words: tuple[str, ...]
    is_beginning: bool = False

    def on_postgresql(self, weight: str = "") -> str:
        """``'court' <-> 'decision':*``."""
        ends = ["" for _ in self.words[:-1]] + ["*" if self.is_beginning else ""]
        marks = [f":{end}{weight}" if end or weight else "" for end in ends]
        return f"({' <-> '.join(_quoted(word) + mark for word, mark in zip(self.words, marks, strict=True))})"

    def on_sqlite(self) -> str:
        """``"court decision" *``, for FTS5."""
        return f'"{" ".join(self.words)}"{" *" if self.is_beginning else ""}'


@dataclass(frozen=True)
class Terms:
    """Groups of atoms: of each in ``required`` one must be there, of ``excluded`` none."""

    required: tuple[tuple[Atom, ...], ...] = ()
    excluded: tuple[Atom, ...] = ()
    is_head: bool = False
    """Whether only name, task and tags count."""

    def __bool__(self) -> bool:
        return bool(self.required or self.excluded)

    def on_postgresql(self) -> str:
        """For ``tsquery``."""
        weight = "A" if self.is_head else ""
        groups = [f"({' | '.join(atom.on_postgresql(weight) for atom in group)})" for group in self.required]
        return " & ".join([*groups, *(f"!{atom.on_postgresql()}" for atom in self.excluded)])

    def on_sqlite(self) -> str:
        """For FTS5, which can exclude only from something."""
        groups = [f"({' OR '.join(atom.on_sqlite() for atom in group)})" for group in self.required]
        found = f"{'head : ' if self.is_head else ''}({' AND '.join(groups)})"
        return f"{found} NOT ({' OR '.join(atom.on_sqlite() for atom in self.excluded)})" if self.excluded else found


@dataclass(frozen=True)
class Written(Terms):
    """Terms of which only the text for PostgreSQL is at hand."""

    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    def on_postgresql(self) -> str:
        """The text."""
        return self.text


def words_asked(query: SearchQuery) -> list[tuple[Atom, ...]]:
    """The words and phrases that must occur, each with what counts as the same."""
    found = [_word(word) for word in query.text.split()] + [_phrase(phrase) for phrase in query.phrases]
    return [group for group in found if group]


def needed(query: SearchQuery) -> Terms:
    """What only the index can answer."""
    required = words_asked(query)
    for name in LABELLED:
        if value := getattr(query, name):
            required.append(_labels(name, value))
    excluded: list[Atom] = []
    for term in query.more:
        if term.name in INDEXED_ONLY and (group := _group(term)):
            if term.is_negated:
                excluded += group
            else:
                required.append(group)
    return Terms(tuple(required), tuple(excluded))


def _group(term: Term) -> tuple[Atom, ...]:
    if term.name in LABELLED:
        return _labels(term.name, term.value)
    return _word(term.value) if term.name == "text" else _phrase(term.value)


def _word(text: str) -> tuple[Atom, ...]:
    """``decisions`` finds ``decision`` and the other way round; ``decis*`` finds whatever begins so."""
    words = tuple(words_of(text))
    if len(words) != 1 or text.endswith(_BEGINNING):
        return (Atom(words, text.endswith(_BEGINNING)),) if words else ()
    (word,) = words
    same = [word]
    if len(word) >= _SHORTEST and word.isalpha():
        same += [word + ending for ending in _ENDINGS]
        # Only a vowel before it makes an n an ending: not that of a word mistyped.
        ends = [ending for ending in _ENDINGS if word.endswith(ending) and (ending != "n" or word.endswith("en"))]
        same += [word.removesuffix(ending) for ending in ends if len(word) - len(ending) >= _SHORTEST]
    return tuple(Atom((one,)) for one in dict.fromkeys(same))


def _phrase(text: str) -> tuple[Atom, ...]:
    words = tuple(words_of(text))
    return (Atom(words),) if words else ()


def _labels(name: str, values: str) -> tuple[Atom, ...]:
    meant = [_domain(value) if name == "domain" else value for value in each_of(values)]
    return tuple(Atom((label(name, value),)) for value in meant)


def _domain(value: str) -> str:
    """Its id, whatever it is called."""
    found = find_domain(value)
    return found.id if found else value


def each_of(values: str) -> Iterator[str]:
    """The values of a word filter."""
    return (value.strip() for value in values.split(ANY_OF) if value.strip())


def _quoted(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
