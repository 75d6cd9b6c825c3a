"""Find a base model by id, alias or unique last segment."""

import re
from collections.abc import Sequence

from django.db.models import Count, Q, QuerySet

from catalog.bases.models import BaseModel
from catalog.compiled import CompiledQuery
from catalog.errors import NotFound, Unprocessable
from catalog.search.models import SearchEntry
from catalog.search.totals import known_counts


def find_base(reference: str) -> BaseModel | None:
    """The base model that ``reference`` (``id`` or ``id@revision``) means, or None.

    An exact id wins over an alias, an alias over the last segment of one single registered id, so that
    ``gpt2`` finds ``openai-community/gpt2``. Without a revision, ``main`` wins over the newest.
    """
    name, _, revision = reference.partition("@")
    folded = name.strip().casefold()
    if not folded:
        return None
    for condition in (Q(folded=folded), Q(aliases__folded=folded), Q(folded__endswith=f"/{folded}")):
        found = BaseModel.objects.filter(condition).distinct()
        if revision:
            found = found.filter(revision=revision)
        rows = sorted(found, key=lambda base: (base.revision != "main", -base.pk))
        if rows and len({base.folded for base in rows}) == 1:
            return rows[0]
    return None


_exactly = CompiledQuery(
    lambda stand_ins, _: BaseModel.objects.filter(folded=stand_ins.text("folded")).values_list("pk")
)


def bases_meant(reference: str) -> list[int]:
    """Ids of every base model that a search for ``reference`` means.

    That of :func:`find_base` in all its revisions, if there is one; else all in whose id or alias a word begins with
    it: ``llama-3`` is in ``meta-llama/Llama-3.1-8B`` and not in ``CodeLlama-34b``.
    """
    if "@" not in reference and (exact := _exactly.rows(None, folded=reference.strip().casefold())):
        return [pk for (pk,) in exact]
    base = find_base(reference)
    if base is not None:
        return list(BaseModel.objects.filter(folded=base.folded).values_list("pk", flat=True))
    folded = reference.strip().casefold()
    if not folded:
        return []
    part = Q(folded__contains=folded) | Q(aliases__folded__contains=folded)
    named = BaseModel.objects.filter(part).values_list("pk", "folded", "aliases__folded")
    word = _word(folded)
    return list({pk for pk, *names in named if any(name and word.search(name) for name in names)})


def _word(text: str) -> re.Pattern[str]:
    """``text`` where a word begins with it; a number in it must be whole."""
    before = r"(?<![^\W\d_])" if text[0].isalpha() else r"(?<!\d)" if text[0].isdigit() else ""
    return re.compile(before + re.escape(text) + (r"(?![^\W_])" if text[-1].isdigit() else ""))


def get_base(reference: str) -> BaseModel:
    """Like :func:`find_base`. Raises NotFound ``not_found``."""
    base = find_base(reference)
    if base is None:
        raise NotFound(detail=f"no base model {reference!r} is registered", hint="hubclient base-model list shows all.")
    return base


def require_base(reference: str, *, field: str = "base") -> BaseModel:
    """Like :func:`find_base`, for one that somebody named on purpose. Raises Unprocessable ``unknown_base_model``."""
    base = find_base(reference)
    if base is None:
        raise Unprocessable(
            "unknown_base_model",
            f"no base model {reference!r} is registered here",
            field=field,
            hint="Register it with `hubclient base-model add`, or name one that `hubclient base-model list` shows.",
        )
    return base


def find_bases(query: str = "") -> QuerySet[BaseModel]:
    """Registered base models with every word of ``query`` in the id or an alias."""
    found = BaseModel.objects.defer("config")
    for word in query.casefold().split():
        found = found.filter(Q(folded__contains=word) | Q(aliases__folded__contains=word)).distinct()
    return found


def count_adapters(bases: Sequence[BaseModel]) -> None:
    """Give each ``adapters`` = published public adapters made for it; one statement for a page of them.

    In a large catalog the number is that of all revisions of the model, as the search counted them last.
    """
    names = [base.name for base in bases]
    known = known_counts("base", names)
    if known is None:
        entries = SearchEntry.objects.filter(base_model__in=bases, is_public=True, adapter__isnull=False)
        counts = dict(entries.order_by().values_list("base_model").annotate(Count("pk")))
    for base in bases:
        base.adapters = counts.get(base.pk, 0) if known is None else known.get(base.name, 0)  # type: ignore[attr-defined]
