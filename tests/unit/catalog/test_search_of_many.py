"""Whichever way the database goes, a list is the same: against a list that Python filters and sorts.

With a limit of a few hits everything is frequent, so that floors, samples, walks and counts that stop all have their
turn. ``tests/functional/test_units_on_postgresql.py`` runs this file too.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from catalog import counting, paging
from catalog.accounts.models import User
from catalog.records.models import Record
from catalog.search import facets as module_of_facets
from catalog.search import floors, samples, sorting, totals
from catalog.search import hits as module_of_hits
from catalog.search.known_words import forget
from catalog.search.labels import labels_of
from catalog.search.language import parse
from catalog.search.models import SearchEntry, SearchText
from catalog.search.queries import facets, search
from catalog.search.texts import head_of
from catalog.search.tokens import joined, words_of
from tests.unit.catalog.factories import make_base, make_namespace, make_user, publish

pytestmark = pytest.mark.django_db(transaction=True)
ANYBODY = AnonymousUser()
NUMBER, PAGE = 48, 7
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """An entry as Python knows it."""

    pk: int
    name: str
    number: int
    entry: SearchEntry


def has(words):
    return lambda row: words in text_of(row.number)


def text_of(number):
    order = "alpha beta" if number % 3 == 0 else "beta alpha"
    return f"{'common' if number % 10 < 7 else 'other'} {order} {'rare' if number in (7, 31) else 'usual'} word"


def attributes(number):
    return {
        "method": "lora" if number % 3 else "dora",
        "task": "ner" if number % 4 else "summarization",
        "languages": " de " if number % 5 == 0 else " en ",
        "tags": " legal " if number % 2 else " court legal ",
        "license": "MIT" if number % 7 else "Apache-2.0",
        "rank": 4 * (1 + number % 4),
        "size_bytes": 1000 * (number + 1),
        "best_score": number / 60 if number % 6 == 0 else None,
        # Most adapters of a large hub were never downloaded.
        "downloads": 0 if number < NUMBER // 2 else 10 ** (1 + number % 5) + number,
        "published_at": START + timedelta(days=number * 37 % NUMBER),
        "modality": "text",
        "architecture": "bert",
        "is_public": True,
        "summary": "",
        "version": "1",
    }


QUERIES = {
    "": lambda row: True,
    "common": has("common"),
    "rare": has("rare"),
    "commons": has("common"),
    '"alpha beta"': has("alpha beta"),
    "common -rare": lambda row: has("common")(row) and not has("rare")(row),
    "-common": lambda row: not has("common")(row),
    "common usual": lambda row: has("common")(row) and has("usual")(row),
    "method:lora": lambda row: row.entry.method == "lora",
    "method:lora,dora": lambda row: True,
    "base:first": lambda row: row.number % 2 == 1,
    "base:first method:dora": lambda row: row.number % 2 == 1 and row.entry.method == "dora",
    "base:first method:lora,dora": lambda row: row.number % 2 == 1,
    "base:first rank:4..8": lambda row: row.number % 2 == 1 and row.entry.rank <= 8,
    "base:first -method:lora": lambda row: row.number % 2 == 1 and row.entry.method != "lora",
    "base:first -common": lambda row: row.number % 2 == 1 and not has("common")(row),
    "lang:de": lambda row: "de" in row.entry.languages,
    "lang:de,en task:ner": lambda row: row.entry.task == "ner",
    "tag:court": lambda row: "court" in row.entry.tags,
    "tag:court tag:legal method:lora": lambda row: "court" in row.entry.tags and row.entry.method == "lora",
    "common base:second rank:<=8": lambda row: has("common")(row) and row.number % 2 == 0 and row.entry.rank <= 8,
    "size:<20kB": lambda row: row.entry.size_bytes < 20_000,
    "license:mit": lambda row: row.entry.license == "MIT",
    "license:mit common": lambda row: row.entry.license == "MIT" and has("common")(row),
    "is:measured base:second": lambda row: row.entry.best_score is not None and row.number % 2 == 0,
    "is:elsewhere common": has("common"),
    "fits:first": lambda row: False,
    "method:nothing": lambda row: False,
}
ORDERS = {
    "downloads": lambda row: (-row.entry.downloads, -row.pk),
    "newest": lambda row: (-row.entry.published_at.timestamp(), -row.pk),
    "name": lambda row: row.name,
    "score": lambda row: (-(row.entry.best_score or 0), -row.pk),
}


def forget_all():
    counting._remembered.clear()
    samples.forget()
    forget()


@pytest.fixture
def rows():
    forget_all()
    keeper = make_user("keeper", is_admin=True)
    bases = [make_base(keeper, "lab/second"), make_base(keeper, "lab/first")]
    made = []
    for number in range(NUMBER):
        record = Record.objects.create(source="elsewhere", path=str(number), title="t", digest="d", updated_at=START)
        name = f"elsewhere/{number * 29 % NUMBER:03d}"
        entry = SearchEntry.objects.create(
            record=record, full_name=name, base_model=bases[number % 2], **attributes(number)
        )
        text = {"head": head_of(entry), "text": joined(words_of(text_of(number))), "labels": joined(labels_of(entry))}
        SearchText.objects.create(entry=entry, **text)
        made.append(Row(entry.pk, name, number, entry))
    yield made
    forget_all()


@pytest.fixture(params=[PAGE + 2, 1000], ids=["everything is frequent", "nothing is frequent"])
def limit(request, rows, monkeypatch):
    for module, name in ((module_of_hits, "MOST_HITS"), (sorting, "MOST_HITS"), (module_of_facets, "FACET_LIMIT")):
        monkeypatch.setattr(module, name, request.param)
    monkeypatch.setattr(paging, "EXACT_COUNT_LIMIT", request.param)
    monkeypatch.setattr(floors, "SIZES", (11, 18))
    totals.recount()
    floors.make_floors(connection)
    forget_all()
    return request.param


def pages(text, sort, viewer=ANYBODY):
    """Every page of a list, and the count that each says."""
    query, cursor, found, counts = parse(text), None, [], []
    while True:
        page = search(replace(query, sort=sort), viewer, cursor=cursor, limit=PAGE)
        found += [row.full_name for row in page.rows]
        counts.append((page.count, page.is_count_exact))
        cursor = page.next_cursor
        if cursor is None:
            return found, set(counts)


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_hold_what_is_asked_for_in_its_order_however_frequent_it_is(rows, limit, sort):
    for text, is_asked in QUERIES.items():
        expected = [row for row in rows if is_asked(row) and (sort != "score" or row.entry.best_score is not None)]
        names = [row.name for row in sorted(expected, key=ORDERS[sort])]
        found, counts = pages(text, sort)
        assert found == names, text
        assert counts == {(min(len(names), limit), len(names) <= limit)}, text


def test_facets_count_the_most_downloaded_of_what_is_frequent(rows, limit):
    for text, is_asked in QUERIES.items():
        if "method" in text or text == "":
            continue
        forget_all()
        expected = sorted(filter(is_asked, rows), key=ORDERS["downloads"])
        found = facets(parse(text), ANYBODY)
        assert {value.value: value.count for value in found.method} == Counter(
            row.entry.method for row in expected[:limit]
        ), text
        assert found.is_exact or limit < NUMBER


def test_what_was_listed_a_second_ago_gives_the_same_facets(rows, limit):
    for text in QUERIES:
        forget_all()
        alone = facets(parse(text), ANYBODY)
        counting._remembered.clear()
        search(parse(text), ANYBODY)
        assert facets(parse(text), ANYBODY) == alone, text


def test_who_may_see_more_finds_more(rows, limit):
    owner = make_user("owner")
    make_namespace(owner)
    for number in range(3):
        publish(owner, adapter=f"lab/secret-{number}", visibility="private")
    forget_all()
    keeper = User.objects.get(username="keeper")
    for viewer, number in ((ANYBODY, 0), (owner, 3), (keeper, 3)):
        for sort in ("downloads", "newest", "name"):
            found, _ = pages("method:lora", sort, viewer)
            assert len([name for name in found if name.startswith("lab/secret")]) == number, (viewer, sort)
            assert len(found) == number + len([row for row in rows if row.entry.method == "lora"])


def test_what_was_hidden_a_second_ago_is_on_no_page(rows, limit):
    first = search(parse('"beta alpha"'), ANYBODY, limit=2)
    SearchEntry.objects.exclude(full_name__in=[row.full_name for row in first.rows]).update(is_public=False)
    assert search(parse('"beta alpha"'), ANYBODY, limit=2, cursor=first.next_cursor).rows == []
