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


FILTERS = (
    Filter(
        "base",
        "base",
        WORDS,
        _("base model, or part of its name"),
        "base:llama-3",
        ("base_model", "model", "basemodel"),
    ),
    Filter("fits", "fits", WORDS, _("fits this base model by its checked shapes"), "fits:gpt2", ("compatible", "fit")),
    Filter(
        "arch", "architecture", WORDS, _("architecture of the base model"), "arch:bert", ("architecture", "model_type")
    ),
    Filter("method", "method", WORDS, _("adapter method"), "method:lora", ("type", "peft", "peft_type")),
    Filter("task", "task", WORDS, _("task"), "task:token-classification", ("pipeline_tag", "pipeline")),
    Filter("lang", "language", WORDS, _("language; de finds de-CH too"), "lang:de", ("language", "languages")),
    Filter("domain", "domain", WORDS, _("domain"), "domain:legal", ()),
    Filter("modality", "modality", WORDS, _("modality"), "modality:image", ()),
    Filter("license", "license", WORDS, _("licence"), "license:apache-2.0", ("licence",)),
    Filter("tag", "tag", WORDS, _("tag"), "tag:legal", ("tags", "topic")),
    Filter("ns", "namespace", WORDS, _("namespace"), "ns:team", ("namespace", "user", "org", "owner", "author", "by")),
    Filter("rank", "rank", NUMBER, _("rank"), "rank:<=16", ("r",)),
    Filter("size", "size", SIZE, _("size of its files"), "size:<10MB", ("bytes",)),
    Filter("score", "score", SHARE, _("best measured score"), "score:>=90%", ()),
    Filter("gain", "gain", SHARE, _("best score less that of the base model alone"), "gain:>0", ("improvement",)),
    Filter("is", "marks", FLAG, _("state"), "is:measured", ("has",)),
    Filter(
        "sort", "sort", SORT, _("order of what is found"), "sort:newest", ("order", "sorted", "orderby", "order_by")
    ),
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
