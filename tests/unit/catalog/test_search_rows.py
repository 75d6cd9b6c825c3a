"""The narrow rows that PostgreSQL searches: they follow their entries, are made anew beside the old, and have floors.

``tests/functional/test_units_on_postgresql.py`` runs this file.
"""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from catalog import counting
from catalog.search import floors, postgresql_index, sorting, totals
from catalog.search import hits as module_of_hits
from catalog.search.known_words import forget
from catalog.search.language import parse
from catalog.search.models import SearchEntry, SearchTerms
from catalog.search.queries import facets, search
from catalog.search.word_index import fill, make_table
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.factories import make_base, make_namespace, make_user, publish

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the index of SQLite is one with its texts"),
]
ANYBODY = AnonymousUser()
CARRIED = tuple(postgresql_index._CARRIED)


@pytest.fixture
def runs():
    """Four public adapters, each downloaded ten times as often as the one before."""
    counting._remembered.clear()
    forget()
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    for number in range(4):
        publish(owner, adapter=f"lab/run-{number}", metadata=Metadata(summary="Rulings", languages=["de"]))
        SearchEntry.objects.filter(full_name=f"lab/run-{number}").update(downloads=10**number)
    yield owner
    counting._remembered.clear()
    forget()


def names(text):
    counting._remembered.clear()
    return [row.full_name for row in search(parse(text), ANYBODY).rows]


def indexes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'search_terms'")
        return {name for (name,) in cursor.fetchall()}


def test_a_row_has_what_its_entry_has_whatever_is_changed(runs):
    SearchEntry.objects.filter(full_name="lab/run-2").update(rank=99, gain=0.25, base_model=None, is_public=False)
    rows = {row["pk"]: row for row in SearchTerms.objects.values("pk", *CARRIED)}
    assert rows == {row["pk"]: row for row in SearchEntry.objects.values("pk", *CARRIED)}
    assert names("rulings rank:99") == []
    assert names("rulings") == ["lab/run-3", "lab/run-1", "lab/run-0"]
    SearchEntry.objects.filter(full_name="lab/run-0").delete()
    assert SearchTerms.objects.count() == 3


def test_rows_of_the_release_before_are_made_anew_and_nothing_is_lost(runs):
    whole = names("rulings lang:de")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER search_terms_carried ON search_searchentry")
        cursor.execute("ALTER TABLE search_terms DROP COLUMN downloads, DROP COLUMN languages, DROP COLUMN filler")
    make_table(connection)
    assert not postgresql_index.is_narrow(connection)
    publish(runs, adapter="lab/meanwhile", metadata=Metadata(summary="Rulings", languages=["de"]))
    fill(connection, is_anew=True)
    assert postgresql_index.is_narrow(connection)
    assert names("rulings lang:de") == [*whole, "lab/meanwhile"]
    assert indexes() == {"search_terms_pkey", "search_terms_words"}


def test_what_is_written_while_the_table_is_made_anew_is_in_both(runs, monkeypatch):
    make = postgresql_index.make_indexes

    def write_and_make(connection, table):
        publish(runs, adapter="lab/meanwhile", metadata=Metadata(summary="Rulings", languages=["de"]))
        SearchEntry.objects.filter(full_name="lab/run-1").update(downloads=5000)
        SearchEntry.objects.filter(full_name="lab/run-0").delete()
        make(connection, table)

    monkeypatch.setattr(postgresql_index, "make_indexes", write_and_make)
    fill(connection, is_anew=True)
    assert names("rulings lang:de") == ["lab/run-1", "lab/run-3", "lab/run-2", "lab/meanwhile"]
    fill(connection)
    assert SearchTerms.objects.count() == 4


def test_what_is_frequent_is_read_above_a_floor_which_moves_with_the_downloads(runs, monkeypatch):
    whole = names("rulings")
    monkeypatch.setattr(floors, "SIZES", (1, 2))
    totals.recount()
    floors.make_floors(connection)
    above = sorted(floor.weight for floor in floors.floors())
    assert len(above) == 3
    assert above[0] == 0
    assert {f"search_terms_above_{weight}" for weight in above[1:]} < indexes()
    monkeypatch.setattr(module_of_hits, "MOST_HITS", 1)
    hits = module_of_hits.Hits(parse("rulings"), ANYBODY)
    assert (hits.found, hits.floor.weight) == (None, above[1])
    assert names("rulings") == whole
    assert facets(parse("rulings"), ANYBODY).method[0].count == 2
    monkeypatch.setattr(sorting, "MOST_RANKED", 2)
    assert set(names("rulings sort:relevance")) == {"lab/run-3", "lab/run-2"}
    SearchEntry.objects.update(downloads=10**6)
    SearchEntry.objects.filter(full_name="lab/run-0").update(downloads=10**7)
    totals.recount()
    floors.make_floors(connection)
    assert floors.floors()[0].weight > above[2]
    assert f"search_terms_above_{above[2]}" not in indexes()
