"""`hubclient search` against a hub that answers for real: the language, facets, what to try when nothing is found."""

import json
from typing import Any

import pytest

from catalog.search import known_words
from hubclient.cli import main
from tests.unit.frontend.conftest import catalog, quick_passwords

__all__ = ["catalog", "quick_passwords"]


@pytest.fixture
def run(live_server: Any, catalog: Any, monkeypatch: Any, capsys: Any):
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    known_words.forget()
    catalog.push(catalog.writer, "team/ner-de", approve=catalog.owner, summary="Names in German text")
    catalog.push(catalog.writer, "team/ner-fr", approve=catalog.owner, summary="Names in French", languages=["fr"])
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.delenv("HUB_TOKEN", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    yield call
    known_words.forget()


def names(out: str) -> list[str]:
    return [line.split("\t")[0] for line in out.splitlines()]


def test_arguments_are_one_query_in_the_search_language(run):
    assert names(run("search", "lang:de", "names")[1]) == ["team/ner-de"]
    assert names(run("search", "names -lang:de rank:<=16")[1]) == ["team/ner-fr"]
    assert names(run("search", "NOT", "lang:de", "--method", "lora")[1]) == ["team/ner-fr"]


def test_facets_are_counts_in_place_of_rows(run):
    code, out, _ = run("search", "names", "--facets")
    assert code == 0
    assert "language\tde\t1" in out.splitlines()
    counted = json.loads(run("search", "names", "--facets", "--json")[1])
    assert counted["query"] == "names"
    assert {"value": "lora", "count": 2} in counted["facets"]["method"]


def test_what_cannot_be_read_is_said_with_what_may_be_meant(run):
    code, out, err = run("search", "names", "metod:lora")
    assert (code, out) == (1, "")
    assert "invalid_query: there is no filter 'metod'" in err
    assert "Did you mean method:lora?" in err


def test_nothing_found_says_what_to_try(run):
    code, out, err = run("search", "lang:de", "french")
    assert (code, out) == (0, "")
    assert err.splitlines() == ["nothing fits all of this", "  without french: 1", "  without lang:de: 1"]
    assert "  did you mean french" in run("search", "frensch")[2].splitlines()
