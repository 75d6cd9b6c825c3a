"""What keeps listings quick whatever they list: keys instead of offsets, an index for each filter, counts that stop."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import counting, paging
from catalog.search import facets as module_of_facets
from catalog.search.queries import SearchQuery, facets, matching, search
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.factories import make_base, make_namespace, make_user, publish
from tests.unit.hub.calling import API, client_of

pytestmark = pytest.mark.django_db
ANYBODY = AnonymousUser()


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    return owner


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    counting._remembered.clear()
    yield
    counting._remembered.clear()


def publish_many(owner, count: int, **metadata) -> None:
    for number in range(count):
        publish(owner, adapter=f"lab/run-{number}", metadata=Metadata(**metadata))


def names(query: SearchQuery) -> set[str]:
    return {entry.full_name for entry in search(query, ANYBODY).rows}


def plan_of(statement: str) -> str:
    """How SQLite answers a statement, in its words."""
    if connection.vendor != "sqlite":
        pytest.skip("reads the plans of SQLite; benchmarks/service.py measures PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        return "; ".join(str(row[-1]) for row in cursor.fetchall())


def statements(work) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        work()
    return [query["sql"] for query in asked.captured_queries]


@pytest.mark.parametrize(("sort", "index"), [("downloads", "entry_by_downloads"), ("newest", "entry_by_date")])
def test_a_page_is_read_from_the_middle_of_its_index_and_not_from_the_start(owner, sort, index):
    publish_many(owner, 3)
    cursor = search(SearchQuery(sort=sort), ANYBODY, limit=1).next_cursor
    *_, page = [
        sql for sql in statements(lambda: search(SearchQuery(sort=sort), ANYBODY, cursor=cursor)) if ") < (" in sql
    ]
    assert f"SEARCH search_searchentry USING INDEX {index}" in plan_of(page)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (SearchQuery(method="lora"), "entries_of_method"),
        (SearchQuery(task="pos"), "entries_of_task"),
        (SearchQuery(namespace="lab"), "entries_of_namespace"),
        (SearchQuery(base="tiny/llama"), "entries_of_base_model"),
    ],
)
def test_a_filter_has_an_index_in_the_order_of_the_page(owner, query, index):
    rows = matching(query, ANYBODY).order_by("-downloads", "-id")[:20]
    (page,) = statements(lambda: list(rows))
    plan = plan_of(page)
    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("as_member", [False, True])
def test_the_list_asks_the_database_as_often_for_many_rows_as_for_few(owner, as_member):
    client = client_of(owner if as_member else None)
    publish_many(owner, 1)
    client.get(f"{API}/adapters?limit=1")  # the token's first use is noted
    few = statements(lambda: client.get(f"{API}/adapters"))
    publish_many(owner, 7)
    many = statements(lambda: client.get(f"{API}/adapters?limit=100"))
    assert len(many) == len(few) <= 2


def test_a_listing_reads_no_configuration_of_a_base_model_and_no_words(owner):
    publish_many(owner, 1)
    page, *_ = statements(lambda: search(SearchQuery(), ANYBODY))
    assert "config" not in page.replace("config_digest", "")
    assert "search_searchtext" not in page


def test_rows_as_the_api_writes_them(owner):
    publish(
        owner, adapter="lab/ner", version="1.2.0", metadata=Metadata(tags=["legal"], languages=["de"], summary="NER")
    )
    (row,) = client_of(None).get(f"{API}/adapters").json()["results"]
    assert row.pop("published_at").endswith("Z")
    assert row.pop("size_bytes") > 0
    assert row == {
        "full_name": "lab/ner",
        "namespace": "lab",
        "name": "ner",
        "version": "1.2.0",
        "summary": "NER",
        "visibility": "public",
        "base_model": None,
        "method": "lora",
        "rank": 4,
        "task": "",
        "languages": ["de"],
        "tags": ["legal"],
        "license": "MIT",
        "downloads": 0,
        "is_elsewhere": False,
    }


def test_more_than_the_limit_is_believed_for_a_minute_and_less_is_always_counted(owner, monkeypatch):
    monkeypatch.setattr(paging, "EXACT_COUNT_LIMIT", 3)
    publish_many(owner, 3)
    assert search(SearchQuery(), ANYBODY, limit=1).count == 3
    publish(owner, adapter="lab/fourth")
    page = search(SearchQuery(), ANYBODY, limit=1)
    assert (page.count, page.is_count_exact) == (3, False)
    again = statements(lambda: search(SearchQuery(), ANYBODY, limit=1))
    assert not [sql for sql in again if "COUNT(" in sql]
    now = counting.time.monotonic()
    monkeypatch.setattr(counting.time, "monotonic", lambda: now + 61)
    later = statements(lambda: search(SearchQuery(), ANYBODY, limit=1))
    assert [sql for sql in later if "COUNT(" in sql]


def test_what_one_viewer_may_see_is_never_remembered_for_another(owner, monkeypatch):
    monkeypatch.setattr(paging, "EXACT_COUNT_LIMIT", 2)
    for number in range(4):
        publish(owner, adapter=f"lab/secret-{number}", visibility="private")
    assert search(SearchQuery(), owner, limit=1).count == 2
    assert search(SearchQuery(), ANYBODY, limit=1).count == 0


def test_facets_of_many_entries_count_the_most_downloaded_and_say_so(owner, monkeypatch):
    monkeypatch.setattr(module_of_facets, "FACET_LIMIT", 2)
    publish_many(owner, 2)
    assert facets(SearchQuery(), ANYBODY).is_exact
    publish(owner, adapter="lab/third")
    found = facets(SearchQuery(), ANYBODY)
    assert (found.method[0].count, found.is_exact) == (2, False)


@pytest.mark.parametrize("sort", ["downloads", "newest", "name"])
def test_two_filters_without_an_index_of_both_ask_the_word_index(owner, sort):
    publish_many(owner, 2)
    asked = statements(lambda: search(SearchQuery(method="lora", task="pos", sort=sort), ANYBODY))
    assert any("search_terms" in sql for sql in asked)


def test_facets_without_a_filter_are_one_question(owner):
    publish_many(owner, 2)
    asked = statements(lambda: facets(SearchQuery(), ANYBODY))
    assert len([sql for sql in asked if "search_searchentry" in sql]) == 1


@pytest.mark.parametrize(
    ("asked", "is_found"), [("de", True), ("DE-CH", True), ("de-CH", True), ("d", False), ("ch", False)]
)
def test_a_language_is_found_by_itself_and_by_what_it_is_a_kind_of(owner, asked, is_found):
    publish(owner, adapter="lab/swiss", metadata=Metadata(languages=["de-CH"]))
    assert names(SearchQuery(language=asked)) == ({"lab/swiss"} if is_found else set())


@pytest.mark.parametrize(
    ("asked", "is_found"), [("Legal", True), ("legal", True), ("leg", False), ("tag:legal", False)]
)
def test_a_tag_is_found_whole_and_whatever_its_case(owner, asked, is_found):
    publish(owner, adapter="lab/law", metadata=Metadata(tags=["legal", "court"]))
    assert names(SearchQuery(tag=asked)) == ({"lab/law"} if is_found else set())


def test_a_language_is_not_taken_for_a_tag(owner):
    publish(owner, adapter="lab/swiss", metadata=Metadata(languages=["de"]))
    assert names(SearchQuery(tag="de")) == set()
