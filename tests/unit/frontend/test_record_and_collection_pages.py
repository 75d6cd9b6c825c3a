"""Pages of records and collections: what another catalogue says, and lists that people keep."""

import json

import pytest

from catalog.collections.changing import add_items
from catalog.collections.services import create_collection
from catalog.records.importing import import_entries
from tests.unit.catalog.test_import_adapterhub import ENTRY, lines

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def record(db, tmp_path):
    import_entries(lines(tmp_path, ENTRY))


def test_a_record_says_where_it_is_from_and_that_nothing_was_checked(record, stranger):
    text = stranger.get("/records/adapterhub/ukp/bert_ner_de").content.decode()
    assert "elsewhere, not checked" in text
    assert 'href="https://github.com/adapter-hub/Hub/blob/' in text
    assert "Named entity recognition" in text
    assert "d" * 12 in text
    assert 'href="/records/adapterhub/ukp/bert_ner_de"' in stranger.get("/records/?q=BERT").content.decode()
    assert stranger.get("/records/adapterhub/ukp/absent").status_code == 404


def test_a_record_is_a_row_of_the_search_and_of_its_task(record, stranger):
    for address in ("/search?q=is:elsewhere", "/tasks/ner", "/search?q=task:named-entity-recognition"):
        text = stranger.get(address).content.decode()
        assert 'href="/records/adapterhub/ukp/bert_ner_de"' in text, address


def test_what_strangers_wrote_into_an_entry_is_text(db, tmp_path, stranger):
    said = dict.fromkeys(("description", "author", "citation", "task", "subtask", "method", "license", "x"), SCRIPT)
    versions = [{"version": SCRIPT, "url": "javascript:alert(1)", "description": SCRIPT}]
    import_entries(
        lines(tmp_path, {**ENTRY, **said, "id": "a/b", "versions": versions, "author_url": "javascript:alert(1)"})
    )
    for address in ("/records/adapterhub/a/b", "/records/", "/search?q=is:elsewhere"):
        text = stranger.get(address).content.decode()
        assert SCRIPT not in text
        assert 'href="javascript' not in text


def test_a_collection_is_made_changed_and_compared_in_a_browser_without_scripts(catalog, published, record, as_owner):
    empty, begun = (as_owner.get(f"/collections/new{asked}").content.decode() for asked in ("", "?items=team/ner-de"))
    assert ("></textarea>" in empty, ">team/ner-de</textarea>" in begun) == (True, True)
    made = as_owner.post(
        "/collections/new",
        {
            "namespace": "team",
            "name": "tongues",
            "visibility": "public",
            "summary": "One a language",
            "items": "team/ner-de",
        },
    )
    assert made["Location"] == "/collections/team/tongues"
    edit = as_owner.get("/collections/team/tongues/edit").content.decode()
    assert 'name="seen" value="2"' in edit
    saved = as_owner.post(
        "/collections/team/tongues/edit",
        {
            "seen": "2",
            "summary": "One a language",
            "description": f"**Read** this {SCRIPT}",
            "visibility": "public",
            "name": ["team/ner-de"],
            "note": ["the first"],
            "place": ["1"],
            "add": "records/adapterhub/ukp/bert_ner_de",
            "message": "more",
        },
    )
    assert saved.status_code == 302
    text = as_owner.get("/collections/team/tongues").content.decode()
    assert "<strong>Read</strong>" in text
    assert SCRIPT not in text
    assert text.index("team/ner-de") < text.index('href="/records/adapterhub/ukp/bert_ner_de"')
    assert "the first" in text
    diff = as_owner.get("/collections/team/tongues/diff?from=1&to=4").content.decode()
    assert "adapterhub/ukp/bert_ner_de" in diff
    old = as_owner.get("/collections/team/tongues?revision=1").content.decode()
    assert 'class="name" href="/team/ner-de"' not in old
    assert as_owner.get("/collections/team/tongues?revision=99").status_code == 404
    assert as_owner.get("/collections/team/tongues?revision=x").status_code == 400


def test_a_form_over_an_old_list_overwrites_nothing(catalog, published, as_owner, stranger):
    made = create_collection(catalog.owner, full_name="team/tongues")
    add_items(catalog.owner, made, ["team/ner-de"])
    late = as_owner.post("/collections/team/tongues/edit", {"seen": "1", "summary": "mine"})
    assert late.status_code == 409
    assert "Somebody changed this collection" in late.content.decode()
    text = stranger.get("/collections/team/tongues").content.decode()
    assert "/edit" not in text
    assert stranger.get("/collections/team/tongues/edit").status_code == 302


def test_a_private_collection_looks_absent(catalog, published, as_owner, stranger):
    create_collection(catalog.owner, full_name="team/inner", visibility="private", summary="hush")
    assert "team/inner" in as_owner.get("/collections/").content.decode()
    assert "hush" not in stranger.get("/collections/").content.decode()
    for address in ("/collections/team/inner", "/collections/team/inner/diff"):
        assert stranger.get(address).status_code == 404


def test_the_api_keeps_collections_and_shows_records(catalog, published, record, as_owner, stranger):
    found = json.loads(stranger.get("/api/v1/records/adapterhub/ukp/bert_ner_de").content)
    assert (found["state"], found["versions"][1]["sha256"]) == ("elsewhere", "d" * 64)
    assert json.loads(stranger.get("/api/v1/records?digest=" + "d" * 64).content)["count"] == 1
    assert json.loads(stranger.get("/api/v1/records?digest=" + "e" * 64).content)["count"] == 0
    rows = json.loads(stranger.get("/api/v1/adapters").content)["results"]
    assert {row["full_name"]: row["is_elsewhere"] for row in rows} == {
        "team/ner-de": False,
        "adapterhub/ukp/bert_ner_de": True,
    }
    words = json.loads(stranger.get("/api/v1/taxonomy").content)
    assert {"tasks", "domains", "modalities", "methods", "languages", "licenses"} == set(words)


def test_what_names_no_language_is_counted_under_none(record, stranger):
    for address in ("/", "/languages/", "/tasks/", "/search"):
        answer = stranger.get(address)
        assert answer.status_code == 200, address
        assert 'href="/languages/"><span class="tile' not in answer.content.decode()
