"""Suggestions as somebody types: the filters of the language, their values, and adapters by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.utils.functional import Promise

from catalog.accounts.querysets import Actor
from catalog.errors import InvalidInput
from catalog.search.known_words import begun_with
from catalog.search.lexing import Token, tokens_of
from catalog.search.names_like import adapters_like, namespaces_like, sets_like
from catalog.search.query import ANY_OF
from catalog.search.vocabulary import FILTERS, FLAG, MARKS_SAY, SORTS_SAY, Filter, comparable_names, filters_by_name
from catalog.search.writing import value_of

MOST = 8
FILTER, ADAPTER = "filter", "adapter"
_EXAMPLES = {
    "rank": ("<=8", "<=16", "4..32"),
    "size": ("<1MB", "<10MB", "10MB..100MB"),
    "score": (">=80%", ">=90%"),
    "gain": (">0", ">=5%"),
}
# For a word without a filter: of each kind at most so many.
_OF_EACH = {"base": 3, "task": 2, "method": 2, "language": 1, "tag": 2, "domain": 1}


@dataclass(frozen=True)
class Suggestion:
    """What the query may become. ``kind`` is ``filter``, ``adapter``, or the field whose value ``label`` is.

    ``text`` is the whole query with it put in, ``at`` the place behind it; ``count`` the adapters that everybody sees.
    """

    kind: str
    label: str
    says: str | Promise
    text: str
    at: int
    count: int | None = None


@dataclass(frozen=True)
class _Found:
    kind: str
    written: str
    says: str | Promise = ""
    count: int | None = None


def suggest(text: str, viewer: Actor, *, at: int | None = None, most: int = MOST) -> list[Suggestion]:
    """What may stand at place ``at`` of ``text`` (its end, where left out), the likeliest first.

    Words are those of entries that everybody sees; adapters and evaluation sets those that ``viewer`` may see.
    """
    at = len(text) if at is None else max(0, min(at, len(text)))
    try:
        tokens = tokens_of(text[:at], comparable=comparable_names())
    except InvalidInput:
        return []
    last = tokens[-1] if tokens else None
    is_at_word = last is not None and (last.end == at or (last.name and not last.values[-1].text))
    token = last if last is not None and is_at_word else Token("", at)
    found: Iterable[_Found] = _for_filter(token, viewer) if token.name else _for_word(token, viewer)
    return [_suggestion(one, token, text, at) for one in islice(_unlike(found, token), most)]


def _for_filter(token: Token, viewer: Actor) -> Iterator[_Found]:
    """Values of the filter that is being typed; other names where there is none of that name."""
    filter_ = filters_by_name().get(token.name)
    if filter_ is None:
        yield from _filter_names(token.name)
        return
    kept = [value_of(value.text) for value in token.values[:-1]]
    for one in _values(filter_, token.values[-1].text, viewer):
        yield _Found(one.kind, f"{filter_.name}:{ANY_OF.join([*kept, one.written])}", one.says, one.count)


def _values(filter_: Filter, prefix: str, viewer: Actor) -> Iterator[_Found]:
    folded = prefix.casefold()
    if filter_.kind == FLAG:
        yield from (_Found("marks", name, says) for name, says in MARKS_SAY.items() if name.startswith(folded))
    elif filter_.name == "sort":
        yield from (_Found("sort", name, says) for name, says in SORTS_SAY.items() if name.startswith(folded))
        if folded.startswith("score:"):
            yield from _sets(prefix.split(":", 1)[1], viewer, "sort", "score:")
    elif filter_.name in _EXAMPLES:
        examples = (_Found(filter_.field, example) for example in _EXAMPLES[filter_.name] if example.startswith(folded))
        yield from examples
        if filter_.name == "score" and folded[:1].isalpha():
            yield from _sets(prefix, viewer, "score")
    elif filter_.field == "namespace":
        yield from (_Found("namespace", name, says) for name, says in namespaces_like(prefix, viewer, MOST))
    else:
        field = "base" if filter_.field == "fits" else filter_.field
        yield from (_Found(filter_.field, value_of(word), says, count) for word, says, count in _words(field, folded))


def _for_word(token: Token, viewer: Actor) -> Iterator[_Found]:
    """For a word without a filter: filters of that name, values of several, adapters."""
    word = token.values[0] if token.values else None
    if word is not None and word.is_quoted:
        return
    prefix = word.text.casefold() if word else ""
    yield from islice(_filter_names(prefix), None if not prefix else 2)
    if not prefix or prefix == "-":
        return
    names = {filter_.field: filter_.name for filter_ in FILTERS}
    for field, most in _OF_EACH.items():
        carried = ((value, says, count) for value, says, count in _words(field, prefix) if count)
        for value, says, count in islice(carried, most if len(prefix) > 1 else 1):
            yield _Found(field, f"{names[field]}:{value_of(value)}", says, count)
    if not token.is_negated:
        yield from (_Found(ADAPTER, name, says, count) for name, says, count in adapters_like(prefix, viewer, 4))
    yield from (_Found("namespace", f"ns:{name}", says) for name, says in namespaces_like(prefix, viewer, 1))


def _filter_names(prefix: str) -> Iterator[_Found]:
    for filter_ in FILTERS:
        if any(name.startswith(prefix) for name in (filter_.name, *filter_.aliases)):
            yield _Found(FILTER, f"{filter_.name}:", filter_.says)


def _sets(prefix: str, viewer: Actor, kind: str, before: str = "") -> Iterator[_Found]:
    yield from (_Found(kind, before + name, says) for name, says in sets_like(prefix, viewer, MOST))


def _words(field: str, prefix: str) -> list[tuple[str, str, int | None]]:
    """Known values that ``prefix`` may become: as they begin, then by what else they are called.

    Values that nothing carries are named only where no other fits.
    """
    ranked = begun_with(field, prefix)
    ranked = [row for row in ranked if row[1].count] or ranked
    ranked.sort(key=lambda row: (row[0], -row[1].count))
    return [(word.value, word.says, word.count or None) for _, word in ranked[:MOST]]


def _unlike(found: Iterable[_Found], token: Token) -> Iterator[_Found]:
    """Without repetitions, and without what is typed already."""
    seen = {token.source.removeprefix("-").casefold()}
    for one in found:
        if one.written.casefold() not in seen:
            seen.add(one.written.casefold())
            yield one


def _suggestion(found: _Found, token: Token, text: str, at: int) -> Suggestion:
    sign = "-" if token.is_negated and found.kind != ADAPTER else ""
    before, after = text[: token.start], text[at:]
    # The rest of the word in which the caret stands gives way as well.
    rest = after[len(after.split(maxsplit=1)[0]) :] if after and not after[0].isspace() else after
    is_open = found.kind == FILTER
    put = before + sign + found.written + ("" if is_open else " ")
    return Suggestion(found.kind, found.written, found.says, put + rest.lstrip(), len(put), found.count)
