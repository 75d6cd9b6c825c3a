"""`hubclient similar` and `hubclient family propose` against a hub that answers for real."""

import json
from typing import Any

import pytest

from catalog.accounts.tokens import issue_token
from catalog.adapters.publication import publish_revision
from hubclient import Hub
from hubclient.cli import main
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.fixtures import sent, store
from tests.unit.catalog.likening import likeness_files, pushed

__all__ = ["sent", "store"]


@pytest.fixture
def run(live_server: Any, monkeypatch: Any, capsys: Any):
    """Return a function that runs one command and returns exit code, standard output and standard error."""
    owner = make_user("owner")
    make_namespace(owner)
    base = make_base(owner)
    files = {
        "lab/mine": likeness_files(1),
        "lab/copy": likeness_files(1, gauge=2, lora_alpha=16),
        "lab/same-start": likeness_files(3, start=1),
        "lab/alone": likeness_files(4),
    }
    for adapter, given in files.items():
        publish_revision(pushed(owner, base, given, adapter, version="1.0.0"), actor=owner)
    monkeypatch.setenv("HUB_URL", live_server.url)
    monkeypatch.setenv("HUB_TOKEN", issue_token(owner, name="ci", scopes=["read"]).secret)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_similar_lists_the_nearest_and_names_those_of_the_same_start(run):
    code, out, err = run("similar", "lab/mine@1.0.0")
    assert code == 0
    assert out.splitlines()[0] == "lab/copy@1.0.0\tcopy\t1.0000 +- 0.0000\t2\t" + out.splitlines()[0].split("\t")[4]
    assert "began at the same A: lab/same-start@1.0.0 (1.00)" in err
    code, out, _ = run("similar", "lab/mine", "--least", "0.99", "--limit", "1", "--json")
    assert [row["revision"]["adapter"] for row in json.loads(out)["similar"]] == ["lab/copy"]


def test_nothing_near_is_said_on_standard_error(run):
    code, out, err = run("similar", "lab/alone", "--least", "0.95")
    assert (code, out) == (0, "")
    assert "No adapter that you may see points the same way." in err


def test_a_name_that_is_not_there_is_refused(run):
    code, _, err = run("similar", "lab/absent")
    assert code == 1
    assert "not_found" in err


def test_propose_prints_groups_and_the_command_that_makes_a_family_of_one(run):
    code, out, err = run("family", "propose", "--base", "tiny/llama", "--namespace", "lab")
    assert code == 0
    first, *members = out.splitlines()
    assert first.startswith("1. 2 adapters, rank 4: initial A 1.00, updates ")
    assert [line.strip() for line in members] == ["lab/mine@1.0.0", "lab/same-start@1.0.0"]
    assert "hubclient family create lab/NAME --base tiny/llama --adapter lab/mine --adapter lab/same-start" in err
    assert "4 adapters compared; 2 share their A with no other." in err
    code, out, _ = run("family", "propose", "--base", "tiny/llama", "--members", "3", "--json")
    assert json.loads(out)["proposals"] == []


def test_the_same_from_python(run, live_server: Any):
    hub = Hub(live_server.url)
    assert hub.similar("lab/mine", limit=1)["similar"][0]["likeness"] == "copy"
    assert hub.propose_families("tiny/llama")["considered"] == 4


def test_a_reviewer_asks_for_copies(run):
    code, out, _ = run("review", "copies", "lab/mine@1.0.0")
    assert code == 0
    assert out.splitlines()[0].split("\t")[:2] == ["lab/copy@1.0.0", "copy"]
    code, out, err = run("review", "copies", "lab/alone@1.0.0")
    assert (code, out) == (0, "")
    assert "Nothing that was compared holds them." in err
    assert run("review", "copies", "lab/alone")[0] == 2
