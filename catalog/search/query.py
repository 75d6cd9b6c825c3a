"""SearchQuery: what somebody asks for, as plain values. The language of the search box is read into it elsewhere."""

from dataclasses import dataclass

ANY_OF = ","
"""Between values of one filter of which one is enough: ``lora,dora``."""

MARKS = ("measured", "elsewhere", "derived", "private")
"""What ``is:`` knows: has a score on a public set; an imported record; computed from others; not public."""

WORD_FILTERS = (
    "base",
    "architecture",
    "method",
    "task",
    "language",
    "license",
    "tag",
    "namespace",
    "domain",
    "modality",
)
"""Filters by a word; each is a field of :class:`SearchQuery` and a name of :class:`Term`."""

NUMBER_FILTERS = ("rank", "size", "gain", "score")
"""Filters by a range; each has the fields ``<name>_min`` and ``<name>_max``, and is a name of :class:`Term`."""


@dataclass(frozen=True)
class Term:
    """One condition more: a second tag, or what must not be.

    ``name`` is one of ``WORD_FILTERS``, ``NUMBER_FILTERS`` (``value`` is then ``low..high``, either end may be left
    out), ``text`` (one word), ``phrase``, ``fits`` or ``is``.
    """

    name: str
    value: str
    is_negated: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """What somebody asks for; empty fields do not filter. A word filter may name several values, see ``ANY_OF``.

    ``size`` is in bytes, bounds include their ends. ``fits`` names a base model whose checked shapes the adapter must
    fit. ``score_set`` is the full name of an evaluation set: ``score_min`` and ``score_max`` bound the score there, and
    ``sort="score"`` sorts by it; without a set both mean the adapter's best score.
    """

    text: str = ""
    phrases: tuple[str, ...] = ()
    base: str = ""
    architecture: str = ""
    method: str = ""
    task: str = ""
    language: str = ""
    license: str = ""
    tag: str = ""
    namespace: str = ""
    domain: str = ""
    modality: str = ""
    fits: str = ""
    marks: tuple[str, ...] = ()
    rank_min: int | None = None
    rank_max: int | None = None
    size_min: int | None = None
    size_max: int | None = None
    gain_min: float | None = None
    gain_max: float | None = None
    score_set: str = ""
    score_min: float | None = None
    score_max: float | None = None
    more: tuple[Term, ...] = ()
    sort: str = "downloads"
