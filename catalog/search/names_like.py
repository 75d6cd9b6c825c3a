"""Adapters and evaluation sets by the beginning of their names, for suggestions."""

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Left

from catalog.accounts.models import Namespace
from catalog.accounts.querysets import Actor
from catalog.evaluations.models import EvaluationSet
from catalog.names import fold
from catalog.search.queries import matching
from catalog.search.query import SearchQuery

FEWEST_LETTERS = 3
"""With fewer there are too many names to say which one is meant."""
_FEW = 300
LAST_LETTER = "\U0010ffff"


def adapters_like(prefix: str, viewer: Actor, most: int) -> list[tuple[str, str, int]]:
    """Full name, summary and downloads of adapters that ``viewer`` may see, the most downloaded first.

    ``prefix`` is the beginning of a name, or of ``namespace/name``.
    """
    folded = prefix.casefold()
    space, slash, short = folded.rpartition("/")
    if slash:
        named = Namespace.objects.filter(folded=fold(space)).values_list("pk", flat=True)
        found = matching(SearchQuery(), viewer).filter(_begins(short), namespace__in=list(named))
        return list(found.order_by("-downloads", "-id").values_list("full_name", "summary", "downloads")[:most])
    if len(folded) < FEWEST_LETTERS:
        return []
    columns = ("full_name", "summary", "downloads")
    begun = matching(SearchQuery(), viewer).filter(_begins(folded))
    # In no order: the index over short names has another one than the database's language.
    few = list(begun.order_by().values_list(*columns)[:_FEW])
    if len(few) < _FEW:
        return sorted(few, key=lambda row: (-row[2], row[0]))[:most]
    # So many begin so that walking through all that begin alike, by downloads, soon finds some.
    popular = begun.annotate(first=Left("short_name", FEWEST_LETTERS)).filter(first=folded[:FEWEST_LETTERS])
    return list(popular.order_by("-downloads", "-id").values_list(*columns)[:most])


def namespaces_like(prefix: str, viewer: Actor, most: int) -> list[tuple[str, str]]:
    """Names of namespaces with an adapter that ``viewer`` may see, and what they are called."""
    entries = matching(SearchQuery(), viewer).filter(namespace=OuterRef("pk"))
    found = Namespace.objects.live().filter(_begins(fold(prefix), "folded")).filter(Exists(entries))
    return sorted(found.order_by().values_list("name", "display_name")[:most])


def sets_like(prefix: str, viewer: Actor, most: int) -> list[tuple[str, str]]:
    """Full names and summaries of evaluation sets that ``viewer`` may see, by the beginning of either part."""
    space, slash, name = prefix.partition("/")
    begun = _begins(fold(name if slash else prefix), "folded")
    begun = begun & Q(namespace__folded=fold(space)) if slash else begun | _begins(fold(prefix), "namespace__folded")
    found = EvaluationSet.objects.visible_to(viewer).offered().filter(begun).order_by()
    return [(row.full_name, row.summary) for row in found.select_related("namespace")[:most]]


def _begins(text: str, column: str = "short_name") -> Q:
    """The condition that each database answers from its index over the column."""
    if connection.vendor == "postgresql":
        return Q(**{f"{column}__startswith": text})
    return Q(**{f"{column}__gte": text, f"{column}__lt": text + LAST_LETTER})
