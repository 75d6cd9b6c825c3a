"""A row of a listing: plain values, as the default version of an adapter shows them."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from catalog.search.models import SearchEntry


class ListedBase(NamedTuple):
    """The base model of a row."""

    name: str
    revision: str


class Listed(NamedTuple):
    """One adapter of a listing, or one record; ``merit`` is what a sorting by score or relevance goes by.

    Making models of a page's rows would cost more than finding them."""

    id: int
    full_name: str
    version: str
    is_public: bool
    summary: str
    method: str
    rank: int | None
    task: str
    languages: str
    tags: str
    license: str
    size_bytes: int
    downloads: int
    published_at: datetime
    architecture: str
    domain: str
    modality: str
    best_score: float | None
    gain: float | None
    adapter_id: int | None
    merit: float | None
    base_name: str | None
    base_revision: str | None

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is a record of another catalogue, and nothing that this hub holds."""
        return self.adapter_id is None

    @property
    def base_model(self) -> ListedBase | None:
        """None where no base model was confirmed."""
        return None if self.base_name is None else ListedBase(self.base_name, self.base_revision or "")


_ELSEWHERE = {"base_name": "base_model__name", "base_revision": "base_model__revision"}
_COLUMNS = [_ELSEWHERE.get(name, name) for name in Listed._fields]


def columns_of(entries: QuerySet[SearchEntry]) -> QuerySet[SearchEntry, Any]:
    """What :class:`Listed` is made of; the entries have a ``merit``."""
    return entries.values_list(*_COLUMNS)
