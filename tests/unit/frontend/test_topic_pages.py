"""Tasks and languages: lists with counts, a page for each, and nothing of what the viewer may not see."""

import gzip
import re

import pytest

from catalog.search.models import FacetCount, FacetState
from catalog.search.totals import SMALL, recount
from catalog.taxonomy.languages import all_languages
from catalog.taxonomy.tasks import all_tasks
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


def test_the_lists_show_all_that_there_is_however_many(catalog, stranger):
    tags = sorted(all_languages())[:60]
    tasks = [row.id for row in all_tasks()][:45]
    catalog.push(catalog.writer, "writer/polyglot", task=tasks[0], languages=tags)
    for number, task in enumerate(tasks):
        catalog.push(catalog.writer, f"writer/for-{number}", task=task, languages=[])
    shown = stranger.get("/languages/").content.decode()
    assert "60 languages." in shown
    assert not [tag for tag in tags if f'href="/languages/{tag}"' not in shown]
    shown = stranger.get("/tasks/").content.decode()
    assert "45 tasks." in shown
    assert not [task for task in tasks if f'href="/tasks/{task}"' not in shown]


def test_of_a_large_catalog_all_that_was_counted_before_is_shown_with_what_only_the_viewer_sees(
    catalog, published, stranger, as_writer
):
    catalog.push(catalog.writer, "writer/secret", visibility="private", task="summarization")
    recount()
    FacetState.objects.update(entries=SMALL + 1)
    more = [FacetCount(facet="task", value=f"task-{at}", folded=f"task-{at}", count=100 - at) for at in range(60)]
    FacetCount.objects.bulk_create(more)
    assert not [
        row.value for row in more if f'href="/tasks/{row.value}"' not in stranger.get("/tasks/").content.decode()
    ]
    assert "summarization" not in stranger.get("/tasks/").content.decode()
    assert re.search(r'href="/tasks/summarization".*?>1<', as_writer.get("/tasks/").content.decode())
