"""collection and record against a hub that answers for real."""

import json

import pytest

from catalog.records.importing import import_entries
from hubclient import Hub
from tests.unit.catalog.test_import_adapterhub import ENTRY, lines
from tests.unit.frontend.conftest import catalog, measured, quick_passwords  # noqa: F401  (fixtures, found by name)
from tests.unit.hubclient.test_scores_from_the_command_line import folder, hub, run  # noqa: F401

RECORD = "records/adapterhub/ukp/bert_ner_de"


@pytest.fixture
def record(hub, tmp_path):  # noqa: F811
    """A record of another catalogue."""
    import_entries(lines(tmp_path, ENTRY))


def name_of_a_namespace(hub: Hub) -> str:  # noqa: F811
    """One that the caller owns."""
    return str(hub.call("GET", "/whoami")["username"])


def test_a_collection_is_made_changed_compared_and_deleted(run, hub, record):  # noqa: F811
    name = f"{name_of_a_namespace(hub)}/tongues"
    code, out, _ = run("collection", "create", name, RECORD, "--summary", "One a language")
    assert (code, out.strip()) == (0, f"{name} is made, at revision 2.")
    code, out, _ = run("collection", "add", name, f"{RECORD}@2", "-m", "the second version")
    assert (code, f"{RECORD}@2" in out) == (0, True)
    assert run("collection", "move", name, f"{RECORD}@2", "1")[0] == 0
    assert run("collection", "note", name, f"{RECORD}@2", "the better one")[0] == 0
    items = json.loads(run("collection", "show", name, "--json")[1])["items"]
    assert [(row["name"], row["note"]) for row in items] == [(f"{RECORD}@2", "the better one"), (RECORD, "")]
    assert "the second version" in run("collection", "log", name)[1]
    assert f"{RECORD}@2" in run("collection", "diff", name, "--from", "2")[1]
    assert json.loads(run("collection", "diff", name, "--json")[1])["noted"][0]["after"]["note"] == "the better one"
    code, out, _ = run("collection", "show", f"{name}@2")
    assert (code, RECORD in out, f"{RECORD}@2" in out) == (0, True, False)
    assert run("collection", "remove", name, RECORD)[0] == 0
    assert name in run("collection", "list")[1]
    assert run("collection", "delete", name)[0] == 0
    assert run("collection", "show", name)[0] == 1


def test_what_is_not_there_and_what_repeats_itself_is_refused(run, hub):  # noqa: F811
    name = f"{name_of_a_namespace(hub)}/tongues"
    assert run("collection", "create", name)[0] == 0
    code, _, said = run("collection", "add", name, "records/adapterhub/absent")
    assert (code, "record_not_found" in said) == (1, True)
    code, _, said = run("collection", "create", name)
    assert (code, "name_taken" in said) == (1, True)


def test_pulling_a_collection_brings_its_adapters_and_names_what_lies_elsewhere(run, hub, record, tmp_path):  # noqa: F811
    name = f"{name_of_a_namespace(hub)}/tongues"
    assert run("collection", "create", name, RECORD)[0] == 0
    code, out, said = run("collection", "pull", name, str(tmp_path / "tongues"))
    assert (code, "0 adapters of" in out, "adapterhub/ukp/bert_ner_de lies elsewhere" in said) == (0, True, True)


def test_a_record_says_where_it_is(run, record):  # noqa: F811
    code, out, _ = run("record", "adapterhub/ukp/bert_ner_de")
    assert (code, "not checked here" in out, "https://github.com/adapter-hub/Hub" in out) == (0, True, True)
    assert json.loads(run("record", RECORD, "--json")[1])["task"] == "ner"
