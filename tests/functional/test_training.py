"""Real adapters give directions to a new task, and the result goes to a second base model, through a running hub."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import WEIGHTS, People
from tests.functional.real_adapters import make_lora
from tests.functional.real_sets import as_lines, rows_of
from tests.functional.test_bad_input import push

SET = "team/trained-domains"
TWIN = "team/minilm-twin"


@pytest.fixture(scope="module")
def members(
    people: People, base_model: str, minilm: Path, lora: Path, shared_folder: Path, tmp_path_factory: Any
) -> list[str]:
    """Two adapters of MiniLM, a set with rows to learn and to measure, and a second base model."""
    folders = [lora, make_lora(minilm, tmp_path_factory.mktemp("second") / "lora", seed=2)]
    names = []
    for place, folder in enumerate(folders):
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "README.md"}
        push(people.pusher, f"team/directions-{place}", files, base=base_model, version="1.0.0")
        names.append(f"team/directions-{place}@1.0.0")
    train, test = (rows_of(shared_folder, "clinc_domain10", split, n) for split, n in (("train", 80), ("test", 60)))
    people.pusher("POST", "/evaluation-sets", json={"namespace": "team", "name": "trained-domains"}, expect=201)
    labels = sorted({row["label"] for row in train})
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": labels, "license": "CC-BY-3.0"}
    sent = {"test": ("test.jsonl", as_lines(test)), "train": ("train.jsonl", as_lines(train))}
    data = {"manifest": json.dumps(manifest)}
    people.pusher("POST", f"/evaluation-sets/{SET}/revisions", data=data, files=sent, expect=201)
    # The same weights under another id: what arrives there can be compared with what left.
    config = json.loads((minilm / "config.json").read_text())
    made = people.admin("POST", "/base-models", json={"id": TWIN, "config": config, "weights": WEIGHTS}, expect=202)
    assert people.admin.wait(made["job"])["state"] == "succeeded"
    return names


def trained(people: People, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask, wait until it is made and looked at; the derivation."""
    asked = people.pusher("POST", path, json=body, expect=202)
    job = people.pusher.wait(asked["job"], seconds=400)
    assert job["state"] == "succeeded", job
    validated = people.pusher.wait(job["result"]["job"], seconds=120)
    assert validated["result"]["state"] == "pending", validated
    found: dict[str, Any] = people.pusher("GET", f"/derivations/{asked['id']}", expect=200)
    return found


@pytest.mark.literature("EigenLoRAx", "Trans-LoRA")
def test_a_task_is_learnt_in_others_directions_and_taken_to_another_base_model(people: People, members: list[str]):
    settings = {"epochs": 2, "components": 8}
    body = {"adapter": "team/learnt-domains", "members": members, "evaluation_set": SET, "settings": settings}
    adapted = trained(people, "/adaptations", body)
    sides = {side["name"]: side for side in adapted["report"]["sides"]}
    # Twelve layers, two sides, eight directions, rank 8; a LoRA of the same rank has 384 in place of the eight.
    assert sides["coefficients"]["trained_parameters"] == 12 * 2 * 8 * 8
    assert sides["full_lora"]["trained_parameters"] == 12 * 2 * 384 * 8
    assert sides["coefficients"]["head_parameters"] == sides["full_lora"]["head_parameters"]
    assert sides["coefficients"]["score"] > 0.5
    body = {"evaluation_set": SET, "adapters": [f"team/learnt-domains@{adapted['version']}"]}
    asked = people.pusher("POST", "/evaluations", json=body, expect=202)
    for job in asked["jobs"]:
        assert people.pusher.wait(job["id"], seconds=240)["state"] == "succeeded"
    measured = people.pusher("GET", f"/evaluations/{asked['evaluations'][0]['id']}", expect=200)
    assert measured["score"] == sides["coefficients"]["score"]

    moved = trained(
        people,
        "/transfers",
        {
            "adapter": "team/moved-domains",
            "source": f"team/learnt-domains@{adapted['version']}",
            "base_model": TWIN,
            "text_set": SET,
            "evaluation_set": SET,
            "settings": {"epochs": 2, "target_modules": ["query", "value"]},
        },
    )
    report = moved["report"]
    sides = {side["name"]: side for side in report["sides"]}
    assert report["is_experimental"] is True
    assert sides["teacher"]["score"] == measured["score"]
    assert report["agreement"] > 0.5
    assert sides["student"]["score"] > measured["score"] - 0.15
    revision = people.pusher("GET", f"/adapters/team/moved-domains/revisions/{moved['commit_id']}", expect=200)
    assert revision["base_model"]["id"] == TWIN
