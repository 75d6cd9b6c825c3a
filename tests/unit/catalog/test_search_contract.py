"""What the search finds, on both databases: whatever is asked, it agrees with a plain reading of every adapter.

``tests/functional/test_units_on_postgresql.py`` runs the same file on PostgreSQL.
"""

import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog import counting
from catalog.accounts.services import create_user
from catalog.bases.services import register_base
from catalog.errors import InvalidInput
from catalog.search.downloads import carry_downloads, count_download
from catalog.search.language import parse
from catalog.search.models import SearchEntry
from catalog.search.queries import facets, search
from catalog.search.suggesting import suggest
from tests.unit.frontend.conftest import catalog, pusher, quick_passwords

__all__ = ["catalog", "quick_passwords"]
ANYBODY = AnonymousUser()
TINY, LARGE = "example/tiny-encoder", "example/large-decoder"


@dataclass(frozen=True)
class Adapter:
    """One adapter as its author describes it."""

    name: str
    base: str = TINY
    method: str = "lora"
    rank: int = 4
    task: str = "token-classification"
    languages: tuple[str, ...] = ("de",)
    license: str = "Apache-2.0"
    tags: tuple[str, ...] = ()
    card: str = ""
    is_public: bool = True
    downloads: int = 0
    words: frozenset[str] = field(default=frozenset(), compare=False)


ADAPTERS = (
    Adapter("team/ner-de", tags=("legal", "court"), card="Finds court decisions in German rulings", downloads=9),
    Adapter("team/ner-fr", languages=("fr",), rank=8, card="Decisions of the court in French", downloads=7),
    Adapter("team/ner-ch", languages=("de-CH", "fr"), rank=16, tags=("legal",), card="Swiss rulings", downloads=7),
    Adapter("team/summaries", LARGE, task="summarization", rank=32, languages=("en",), license="MIT", downloads=30),
    Adapter(
        "team/summaries-dora", LARGE, "dora", 32, "summarization", ("en", "fr"), "MIT", ("news", "finance"), downloads=2
    ),
    Adapter("writer/poems", LARGE, "dora", 64, "text-generation", ("de",), "CC-BY-4.0", ("poetry", "legal"), "Verse"),
    Adapter("writer/court-jester", task="text-generation", languages=("en",), card="Jokes, not decisions of a court"),
    Adapter("writer/zürich", method="ia3", rank=1, languages=("de",), card="Mundart aus Zürich; naïve façade"),
    Adapter("writer/secret", tags=("legal",), card="Court decisions nobody may read", is_public=False, downloads=50),
    Adapter("writer/thai", languages=("th",), card="ภาษาไทย 東京都 заседание суда", license="MIT", downloads=1),
)
PUBLIC = [adapter for adapter in ADAPTERS if adapter.is_public]


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    counting._remembered.clear()
    yield
    counting._remembered.clear()


@pytest.fixture
def pushed(catalog):
    """All of them, published, with their downloads."""
    large = register_base(catalog.owner, name=LARGE, shapes={"model.layers.0.self_attn.q_proj.weight": [64, 64]}).base
    push = {TINY: catalog.push, LARGE: pusher(large)}
    for adapter in ADAPTERS:
        revision = push[adapter.base](
            catalog.writer,
            adapter.name.replace("ü", "ue"),
            approve=catalog.owner if adapter.name.startswith("team/") else None,
            visibility="public" if adapter.is_public else "private",
            facts={"method": adapter.method, "rank": adapter.rank},
            task=adapter.task,
            languages=list(adapter.languages),
            license=adapter.license,
            tags=list(adapter.tags),
            card=adapter.card,
        )
        for _ in range(adapter.downloads):
            count_download(revision.adapter_id)
    carry_downloads()
    return catalog


def found(text, viewer=ANYBODY, **more):
    """The names that a query finds, in order."""
    return [row.full_name for row in search(parse(text), viewer, limit=100, **more).rows]


def names(test):
    """The public adapters for which ``test`` holds."""
    return sorted(adapter.name.replace("ü", "ue") for adapter in PUBLIC if test(adapter))


QUERIES = {
    "": lambda a: True,
    "court": lambda a: "court" in a.card or "court" in a.tags or "court" in a.name,
    "COURT Decisions": lambda a: "ecisions" in a.card and "court" in a.card,
    "decision": lambda a: "ecisions" in a.card,
    '"court decisions"': lambda a: "court decisions" in a.card,
    "court -jokes": lambda a: ("court" in a.card or "court" in a.tags) and "Jokes" not in a.card,
    'rulings -"court decisions"': lambda a: a.name == "team/ner-ch",
    "naive facade": lambda a: a.method == "ia3",
    "zurich": lambda a: a.method == "ia3",
    "ภาษา": lambda a: "th" in a.languages,
    "東京": lambda a: "th" in a.languages,
    "суда": lambda a: "th" in a.languages,
    f"base:{LARGE}": lambda a: a.base == LARGE,
    f"-base:{LARGE}": lambda a: a.base != LARGE,
    "method:dora": lambda a: a.method == "dora",
    "method:dora,ia3": lambda a: a.method in ("dora", "ia3"),
    "-method:lora": lambda a: a.method != "lora",
    "task:summarization lang:fr": lambda a: a.task == "summarization" and "fr" in a.languages,
    "task:text2text-generation": lambda a: a.task == "summarization",
    "-task:text2text-generation lang:en": lambda a: a.task != "summarization" and "en" in a.languages,
    "lang:de": lambda a: any(tag.split("-")[0] == "de" for tag in a.languages),
    "lang:de-CH": lambda a: "de-CH" in a.languages,
    "lang:de lang:fr": lambda a: a.name == "team/ner-ch",
    "-lang:de": lambda a: not any(tag.split("-")[0] == "de" for tag in a.languages),
    "license:mit": lambda a: a.license == "MIT",
    "license:apache-2.0": lambda a: a.license == "Apache-2.0",
    "tag:legal": lambda a: "legal" in a.tags,
    "domain:law": lambda a: "legal" in a.tags,
    "domain:news": lambda a: "news" in a.tags,
    "domain:banking": lambda a: "finance" in a.tags,
    "domain:law,finance": lambda a: {"legal", "finance"} & set(a.tags),
    "-domain:finance lang:en": lambda a: "finance" not in a.tags and "en" in a.languages,
    "domain:news domain:finance": lambda a: "news" in a.tags,
    "tag:legal -tag:court": lambda a: "legal" in a.tags and "court" not in a.tags,
    "tag:leg": lambda a: False,
    "ns:writer": lambda a: a.name.startswith("writer/"),
    "rank:<=8": lambda a: a.rank <= 8,
    "rank:>8": lambda a: a.rank > 8,
    "rank:8..32": lambda a: 8 <= a.rank <= 32,
    "-rank:8..32": lambda a: not 8 <= a.rank <= 32,
    "arch:bert": lambda a: False,
    "is:measured": lambda a: False,
    "is:elsewhere": lambda a: False,
    f"base:{TINY} method:lora rank:<=16 lang:de tag:legal rulings": lambda a: a.name in ("team/ner-de", "team/ner-ch"),
    "zebra": lambda a: False,
    "%": lambda a: True,
    "court_": lambda a: "court" in a.card or "court" in a.tags or "court" in a.name,
}


def test_a_query_finds_what_a_plain_reading_finds(pushed):
    wrong = {text: (found(text), names(test)) for text, test in QUERIES.items() if sorted(found(text)) != names(test)}
    assert wrong == {}


CONDITIONS = ["court", "decisions", "rulings", "method:lora", "lang:de", "lang:fr", "tag:legal"]
CONDITIONS += ["license:mit", "rank:<=8", "rank:16..64", "ns:team", "task:summarization", f"base:{LARGE}"]


def test_conditions_narrow_each_other_whatever_their_number_and_order(pushed):
    alone = {text: set(found(text)) for text in CONDITIONS}
    everything, rng = set(found("")), random.Random(7)
    for _ in range(60):
        chosen = rng.sample(CONDITIONS, rng.randint(2, 4))
        signs = [rng.random() < 0.3 for _ in chosen]
        text = " ".join(("-" if no else "") + one for one, no in zip(chosen, signs, strict=True))
        if all(signs):
            continue
        expected = everything.copy()
        for one, no in zip(chosen, signs, strict=True):
            expected = expected - alone[one] if no else expected & alone[one]
        assert set(found(text)) == expected, text


def test_every_order_is_total_and_its_pages_give_each_row_once(pushed):
    by_downloads = sorted(PUBLIC, key=lambda a: -a.downloads)
    assert [row.downloads for row in search(parse(""), ANYBODY).rows] == [a.downloads for a in by_downloads]
    assert found("sort:name") == sorted(found(""))
    for text in ("", "court", "lang:de", "tag:legal rulings"):
        for sort in ("downloads", "newest", "name", "relevance", "score"):
            query = replace(parse(text), sort=sort)
            whole = [row.full_name for row in search(query, ANYBODY, limit=100).rows]
            walked, cursor = [], None
            while True:
                page = search(query, ANYBODY, cursor=cursor, limit=2)
                walked += [row.full_name for row in page.rows]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert walked == whole, (text, sort)
            assert (page.count, page.is_count_exact) == (len(whole), True), (text, sort)


def test_a_word_of_the_name_or_a_tag_is_more_relevant_than_one_of_the_card(pushed):
    ordered = found("court sort:relevance")
    assert set(ordered[:2]) == {"team/ner-de", "writer/court-jester"}
    assert ordered[2:] == ["team/ner-fr"]


def test_facets_count_what_is_found_each_without_its_own_filter(pushed):
    for text in ("", "court", "lang:de", "method:lora tag:legal", "rulings -lang:fr", "zebra"):
        query = parse(text)
        counted = facets(query, ANYBODY)
        assert counted.is_exact
        for facet, value_of in (
            ("method", lambda row: [row.method]),
            ("task", lambda row: [row.task]),
            ("language", lambda row: row.languages.split()),
            ("license", lambda row: [row.license]),
            ("base", lambda row: [row.base_name]),
            ("namespace", lambda row: [row.full_name.split("/")[0]]),
        ):
            rows = search(replace(query, **{facet: ""}), ANYBODY, limit=100).rows
            expected = Counter(value for row in rows for value in value_of(row))
            assert {row.value: row.count for row in getattr(counted, facet)} == dict(expected), (text, facet)
            assert [row.count for row in getattr(counted, facet)] == sorted(expected.values(), reverse=True)


def test_what_is_private_shows_in_no_row_count_facet_or_suggestion(pushed):
    owner, stranger = pushed.writer, create_user(username="stranger", email="s@example.org", password="long enough 7 x")
    for viewer in (ANYBODY, stranger):
        for text in ("", "nobody", "tag:legal", "ns:writer court"):
            page = search(parse(text), viewer, limit=100)
            assert "writer/secret" not in [row.full_name for row in page.rows]
            assert page.count == len(page.rows)
            assert sum(row.count for row in facets(parse(text), viewer).method) == len(page.rows)
        assert not any("secret" in one.label for one in suggest("secr", viewer))
    assert "writer/secret" in found("nobody", owner)
    assert found("is:private", owner) == ["writer/secret"]
    assert any("secret" in one.label for one in suggest("secr", owner))


def test_what_is_withdrawn_from_the_index_is_found_no_more(pushed):
    entry = SearchEntry.objects.get(full_name="team/ner-de")
    assert "team/ner-de" in found("court tag:legal lang:de")
    entry.delete()
    assert "team/ner-de" not in found("court") + found("tag:legal") + found("lang:de") + found("")
    assert {row.value: row.count for row in facets(parse("tag:court"), ANYBODY).method} == {}


SIGNS = ["'", '"', "a' OR 1=1 --", "court & !jokes", "court | jokes", "(court", "court:*", "court <-> decisions"]
SIGNS += ["NEAR(court decisions)", "court AND", "head : court", "court*", "\\", "%_%", "^court", "{court}"]


def read(text):
    """The query, or None where the language refuses it."""
    try:
        return parse(text)
    except InvalidInput:
        return None


def test_signs_that_a_database_could_take_for_its_own_are_only_words(pushed):
    queries = {text: read(text) for text in SIGNS}
    assert len([query for query in queries.values() if query is not None]) > len(SIGNS) / 2
    for text, query in queries.items():
        suggest(text, ANYBODY)
        if query is not None:
            assert len(search(query, ANYBODY).rows) == search(query, ANYBODY).count, text
            facets(query, ANYBODY)
