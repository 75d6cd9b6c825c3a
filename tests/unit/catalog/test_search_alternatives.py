"""A query that finds nothing: what to drop, what may have been meant, and never anything of what is hidden."""

import time

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone

from catalog.search import known_words
from catalog.search.alternatives import alternatives
from catalog.search.deadlines import TookTooLong, within
from catalog.search.language import parse
from catalog.search.models import FacetCount, FacetState
from catalog.search.parts import written
from catalog.search.spelling import values_like
from catalog.search.totals import SMALL
from tests.unit.frontend.conftest import catalog, quick_passwords

__all__ = ["catalog", "quick_passwords"]
ANYBODY = AnonymousUser()


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    known_words.forget()
    yield
    known_words.forget()


@pytest.fixture
def two(catalog):
    """Two published adapters, and a private one whose words nobody else knows."""
    catalog.push(catalog.writer, "team/ner-de", approve=catalog.owner, summary="Names in German", tags=["legal"])
    catalog.push(catalog.writer, "team/ner-fr", approve=catalog.owner, summary="Names in French", languages=["fr"])
    catalog.push(catalog.writer, "writer/hidden", visibility="private", summary="Zymurgy", tags=["zymurgic"])
    return catalog


def meant(text, viewer=ANYBODY):
    return [written(one.query) for one in alternatives(parse(text), viewer).meant]


def without(text, viewer=ANYBODY):
    return {one.part.text: one.count for one in alternatives(parse(text), viewer).without}


def test_each_condition_that_helps_is_named_with_what_is_found_without_it(two):
    assert without("names lang:de zebra") == {"zebra": 1}
    assert without("lang:de french") == {"lang:de": 1, "french": 1}
    assert without("names lang:de,fr -method:lora") == {"-method:lora": 2}
    assert without("names rank:>100") == {"rank:>=101": 2}


def test_the_whole_catalog_is_nothing_to_try(two):
    assert without("zebra") == {}


def test_words_and_values_that_are_spelled_nearly_alike_are_proposed_when_they_find_something(two):
    assert meant("frensch") == ["french"]
    assert meant("names tag:leagl") == ["tag:legal names"]
    assert meant("base:tiny-encodr") == ["base:example/tiny-encoder"]
    assert meant('"german names"') == ["german names"]
    assert meant("tag:leagl french") == [], "both together find nothing"


def test_what_is_private_is_neither_counted_nor_proposed(two):
    assert meant("zymurgi") == []
    assert without("ner-de hidden") == {"hidden": 1}
    assert "hidden" not in str(meant("hiden"))


def test_a_statement_ends_when_its_time_is_over_and_the_connection_goes_on(db):
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000000) SELECT max(x) FROM n"
    began = time.monotonic()
    with pytest.raises(TookTooLong), within(50), connection.cursor() as cursor:
        cursor.execute(numbers)
    assert time.monotonic() - began < 5
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="trigrams are of PostgreSQL")
def test_values_too_many_to_keep_in_memory_are_found_by_their_trigrams(db, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    FacetState.objects.update_or_create(pk=1, defaults={"entries": SMALL + 1, "counted_at": timezone.now()})
    FacetCount.objects.create(facet="tag", value="Jurisprudence", folded="jurisprudence", count=1)
    monkeypatch.setattr(known_words, "_MOST_VALUES", 0)
    assert values_like("tag", "jurispridence") == ["Jurisprudence"]
    assert values_like("tag", "jurisprudence") == [], "that is no other word"
    assert values_like("base", "jurispridence") == []
