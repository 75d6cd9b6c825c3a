"""Tasks and languages: lists with counts, a page for each, and nothing of what the viewer may not see."""

import gzip
import re

import pytest

from tests.unit.catalog.measuring import make_set


def test_the_lists_count_what_the_viewer_may_see(catalog, published, stranger, as_owner):
    catalog.push(catalog.writer, "writer/secret", visibility="private", task="summarization", languages=["fr"])
    catalog.push(catalog.writer, "writer/open", languages=["fr", "de"])
    tasks = stranger.get("/tasks/").content.decode()
    assert re.search(r'href="/tasks/token-classification".*?>2<', tasks)
    assert "summarization" not in tasks
    languages = stranger.get("/languages/").content.decode()
    assert re.search(r'href="/languages/de".*?>2<', languages)
    assert re.search(r'href="/languages/fr".*?>1<', languages)


def test_a_task_shows_its_adapters_what_they_are_made_on_and_what_measures_them(catalog, published, stranger):
    make_set(catalog.team, "names", task="token-classification", harness="token_classification")
    make_set(catalog.team, "other", task="summarization")
    text = stranger.get("/tasks/token-classification").content.decode()
    assert 'href="/team/ner-de"' in text
    assert "example/tiny-encoder" in text
    assert 'href="/evaluation-sets/team/names"' in text
    assert 'href="/evaluation-sets/team/other"' not in text


def test_a_language_shows_its_adapters_and_sets(catalog, published, stranger):
    make_set(catalog.team, "names", languages=["de"])
    make_set(catalog.team, "noms", languages=["fr"])
    text = stranger.get("/languages/de").content.decode()
    assert 'href="/team/ner-de"' in text
    assert 'href="/evaluation-sets/team/names"' in text
    assert 'href="/evaluation-sets/team/noms"' not in text


@pytest.mark.parametrize("path", ["/tasks/none", "/languages/xx", "/languages/fr"])
def test_what_nothing_is_for_is_not_found(path, catalog, published, stranger):
    catalog.push(catalog.writer, "writer/secret", visibility="private", languages=["fr"])
    assert stranger.get(path).status_code == 404


def test_an_empty_hub_says_how_a_task_is_named(db, stranger):
    assert "--task" in stranger.get("/tasks/").content.decode()
    assert "--language" in stranger.get("/languages/").content.decode()


def test_pages_and_styles_are_compressed_and_the_api_is_left_to_the_proxy(catalog, published, stranger):
    page = stranger.get("/search", headers={"Accept-Encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    assert b"team/ner-de" in gzip.decompress(page.content)
    assert "Content-Encoding" not in stranger.get("/api/v1/adapters", headers={"Accept-Encoding": "gzip"})


def test_every_page_has_one_search_box(published, stranger):
    for path in ("/", "/search", "/tasks/", "/team/ner-de", "/base-models/"):
        assert stranger.get(path).content.decode().count('id="q"') == 1, path


def test_what_names_no_language_and_no_task_is_in_no_list(catalog, published, stranger):
    catalog.push(catalog.writer, "writer/silent", languages=[], task="")
    for path in ("/", "/languages/", "/tasks/", "/search"):
        response = stranger.get(path)
        assert response.status_code == 200
        assert 'href="/languages/"></' not in response.content.decode()
    assert "writer/silent" in stranger.get("/").content.decode()
