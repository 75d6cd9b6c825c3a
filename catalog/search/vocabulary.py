"""The filters of the search language: names, what else people call them, what values they take."""

from dataclasses import dataclass
from functools import cache

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS, NUMBER, SIZE, SHARE, FLAG, SORT = "words", "number", "size", "share", "flag", "sort"
COMPARABLE = frozenset({NUMBER, SIZE, SHARE})


@dataclass(frozen=True)
class Filter:
    """One filter: ``name:value`` in a query."""

    name: str
    field: str
    """Its name in SearchQuery."""
    kind: str
    says: Promise | str
    example: str
    aliases: tuple[str, ...] = ()


def _filter(name: str, kind: str, says: Promise | str, example: str, aliases: str = "", field: str = "") -> Filter:
    return Filter(name, field or name, kind, says, example, tuple(aliases.split()))


# The likeliest first: so they are suggested.
FILTERS = (
    _filter("base", WORDS, _("base model, or part of its name"), "base:llama-3", "base_model model basemodel"),
    _filter("method", WORDS, _("adapter method, such as lora"), "method:lora", "type peft peft_type"),
    _filter("task", WORDS, _("task, such as ner"), "task:ner", "pipeline_tag pipeline"),
    _filter("lang", WORDS, _("language, such as de or German"), "lang:de", "language languages", "language"),
    _filter("rank", NUMBER, _("rank, such as 16, <=16 or 4..16"), "rank:<=16", "r"),
    _filter("license", WORDS, _("licence, such as apache-2.0"), "license:apache-2.0", "licence"),
    _filter("fits", WORDS, _("base model that its checked shapes fit"), "fits:gpt2", "compatible fit"),
    _filter("score", SHARE, _("best measured score, or the score on a set"), "score:>=90%"),
    _filter("gain", SHARE, _("best score less that of the base model alone"), "gain:>0", "improvement"),
    _filter("size", SIZE, _("size of its files, such as <10MB"), "size:<10MB", "bytes"),
    _filter("tag", WORDS, _("tag of its author"), "tag:legal", "tags topic"),
    _filter("ns", WORDS, _("namespace"), "ns:team", "namespace user org owner author by", "namespace"),
    _filter("is", FLAG, _("state, such as measured"), "is:measured", "has", "marks"),
    _filter("arch", WORDS, _("architecture of the base model"), "arch:bert", "architecture model_type", "architecture"),
    _filter("domain", WORDS, _("field of work, such as legal"), "domain:legal"),
    _filter("modality", WORDS, _("what goes in or comes out, such as image"), "modality:image"),
    _filter("sort", SORT, _("order, such as newest"), "sort:newest", "order sorted orderby order_by"),
)

SORT_NAMES = {
    "downloads": ("popular", "popularity", "most-downloaded"),
    "newest": ("new", "recent", "date", "published", "latest"),
    "name": ("alphabetical",),
    "score": ("best",),
    "relevance": ("best-match",),
}
SORTS_BY_NAME = {alias: name for name, aliases in SORT_NAMES.items() for alias in (name, *aliases)}

SORTS_SAY: dict[str, Promise | str] = {
    "downloads": _("most downloaded first"),
    "newest": _("newest first"),
    "name": _("by name"),
    "score": _("best measured score first"),
    "relevance": _("best match of the words first"),
}
MARKS_SAY: dict[str, Promise | str] = {
    "measured": _("has a score that was measured on a public set"),
    "derived": _("computed from other adapters"),
    "private": _("not public"),
    "elsewhere": _("a record of another catalogue, not checked here"),
}


@cache
def filters_by_name() -> dict[str, Filter]:
    """Every name and alias with its filter."""
    return {name: filter_ for filter_ in FILTERS for name in (filter_.name, *filter_.aliases)}


@cache
def comparable_names() -> frozenset[str]:
    """The names that may stand before ``<=`` without a colon."""
    return frozenset(name for name, filter_ in filters_by_name().items() if filter_.kind in COMPARABLE)
