"""Spans over BIO tags, as the scorer of CoNLL reads them: lenient about how a span begins."""

from collections.abc import Sequence

Span = tuple[int, int, str]
_BEGINS, _GOES_ON = frozenset("BSU"), frozenset("IEL")


def spans_of(tags: Sequence[str]) -> set[Span]:
    """``(start, end, type)`` of every span, ``end`` excluded.

    A span begins at ``B-``, or at ``I-`` after another type or none. BIOES and BILOU are read too; a tag without a
    prefix is a span of one word, and ``O`` is none.
    """
    spans: set[Span] = set()
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, own = _parts_of(tag)
        if kind and (own != kind or prefix in _BEGINS or prefix == ""):
            spans.add((start, place, kind))
            kind = ""
        if own and not kind:
            start, kind = place, own
    return spans


def _parts_of(tag: str) -> tuple[str, str]:
    """Prefix and type; two empty texts for ``O``."""
    if tag == "O":
        return "", ""
    prefix, dash, kind = tag.partition("-")
    if dash and kind and (prefix in _BEGINS or prefix in _GOES_ON):
        return prefix, kind
    return "", tag
