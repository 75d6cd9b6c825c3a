"""What the hub shows about an adapter is read from its tensors: irregular coverage, a rank for each module."""

import re
from pathlib import Path

import httpx
import pytest

from tests.functional.conftest import People
from tests.functional.hub_process import HubProcess
from tests.functional.real_adapters import make_lora
from tests.functional.test_bad_input import push


def push_variant(people: People, base_model: str, folder: Path, name: str) -> dict:
    """Push and approve; returns the facts."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    revision = push(people.pusher, name, files, base=base_model, version="1.0.0")
    assert revision["state"] == "pending", revision["report"]
    path = f"/adapters/{name}/revisions/{revision['commit_id']}/reviews"
    people.reviewer("POST", path, json={"decision": "approve"}, expect=201)
    return revision["facts"]


@pytest.mark.literature("DiffoRA")
def test_irregular_modules_are_accepted_and_the_page_shows_the_real_coverage(
    hub: HubProcess, people: People, base_model: str, minilm: Path, tmp_path: Path
) -> None:
    """A method that chooses its modules leaves holes; the config's list of names says nothing of them."""
    chosen = "encoder\\.layer\\.(0|2|5)\\.attention\\.self\\.query|encoder\\.layer\\.4\\.output\\.dense"
    folder = make_lora(minilm, tmp_path / "irregular", seed=11, modules=f".*({chosen})")
    facts = push_variant(people, base_model, folder, "team/irregular-coverage")
    assert facts["layers"] == [0, 2, 4, 5]
    assert facts["modules"] == 4
    assert facts["target_modules"] == ["dense", "query"]
    page = httpx.get(f"{hub.url}/team/irregular-coverage").text
    assert "0, 2, 4 and 5" in page or "0, 2, 4, 5" in page
    for row in ("attention.self.query", "output.dense"):
        assert row in page, "the heat map has a row for each kind of module"


@pytest.mark.literature("Dynamic rank-selective LoRA")
def test_each_modules_own_rank_is_read_and_shown_and_versions_form_a_chain(
    hub: HubProcess, people: People, base_model: str, minilm: Path, tmp_path: Path
) -> None:
    ranks = {"layer.0.attention.self.query": 2, "layer.5.attention.self.value": 16}
    folder = make_lora(minilm, tmp_path / "ranks", seed=12, rank=8, rank_pattern=ranks)
    facts = push_variant(people, base_model, folder, "team/rank-by-module")
    found = {module.removeprefix("bert.encoder."): rank for module, rank in facts["rank_by_module"].items()}
    assert facts["rank"] == 16
    assert facts["ranks"] == {"2": 1, "8": 10, "16": 1}
    assert found["layer.0.attention.self.query"] == 2
    assert found["layer.5.attention.self.value"] == 16
    page = httpx.get(f"{hub.url}/team/rank-by-module").text
    assert re.search(r"attention\.self\.value, layer 5: [0-9.]+ of 16", page)
    assert re.search(r"attention\.self\.query, layer 0: [0-9.]+ of 2", page)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["README.md"] += b"\nSecond task.\n"
    second = push(people.pusher, "team/rank-by-module", files, base=base_model, version="1.1.0", task="second-task")
    revisions = people.pusher("GET", "/adapters/team/rank-by-module/revisions", expect=200)["results"]
    assert [(row["version"], row["task"]) for row in revisions] == [("1.1.0", "second-task"), ("1.0.0", "")]
    assert second["commit_id"] == revisions[0]["commit_id"]
