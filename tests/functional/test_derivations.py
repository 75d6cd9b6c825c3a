"""Real adapters merged, searched and reduced over HTTP, with accuracy before and after, and made again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import People
from tests.functional.real_sets import as_lines, rows_of, train_adapter
from tests.functional.test_bad_input import push

SET = "team/derived-domains"


@pytest.fixture(scope="module")
def scores(
    people: People, base_model: str, minilm: Path, shared_folder: Path, tmp_path_factory: Any
) -> dict[str, float]:
    """Two adapters trained on halves of the same rows, from the same first head, and their accuracy."""
    folder = tmp_path_factory.mktemp("derivations")
    train, test = (rows_of(shared_folder, "clinc_domain10", split, n) for split, n in (("train", 240), ("test", 120)))
    labels = sorted({row["label"] for row in train})
    people.pusher("POST", "/evaluation-sets", json={"namespace": "team", "name": "derived-domains"}, expect=201)
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": labels, "license": "CC-BY-3.0"}
    sent = {"test": ("test.jsonl", as_lines(test)), "train": ("train.jsonl", as_lines(train))}
    data = {"manifest": json.dumps(manifest)}
    people.pusher("POST", f"/evaluation-sets/{SET}/revisions", data=data, files=sent, expect=201)
    names = ("team/half-a", "team/half-b")
    for place, name in enumerate(names):
        adapter = train_adapter(minilm, folder / str(place), train[place::2], labels)
        files = {path.name: path.read_bytes() for path in adapter.iterdir()}
        push(people.pusher, name, files, base=base_model, version="1.0.0")
    body = {"evaluation_set": SET, "adapters": [f"{name}@1.0.0" for name in names]}
    asked = people.pusher("POST", "/evaluations", json=body, expect=202)
    for job in asked["jobs"]:
        assert people.pusher.wait(job["id"], seconds=240)["state"] == "succeeded"
    rows = [people.pusher("GET", f"/evaluations/{row['id']}", expect=200) for row in asked["evaluations"]]
    return {row["adapter"]: row["score"] for row in rows if row["adapter"]}


def made(people: People, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for a draft, wait until it is made, looked at and measured; the derivation with its ``score``."""
    asked = people.pusher("POST", path, json=body, expect=202)
    job = people.pusher.wait(asked["job"], seconds=240)
    assert job["state"] == "succeeded", job
    validated = people.pusher.wait(job["result"]["job"], seconds=120)
    assert validated["result"]["state"] == "pending", validated
    found: dict[str, Any] = people.pusher("GET", f"/derivations/{asked['id']}", expect=200)
    # Its parents have a score, so that it is measured by itself before anybody may publish it.
    name = f"{found['adapter']}@{found['version']}"
    (evaluation,) = people.pusher("GET", f"/evaluations?adapter={name}&set={SET}", expect=200)["results"]
    people.pusher.wait(evaluation["job"], seconds=240)
    evaluation = people.pusher("GET", f"/evaluations/{evaluation['id']}", expect=200)
    assert (evaluation["state"], evaluation["cause"]) == ("measured", "policy"), evaluation
    return found | {"score": evaluation["score"]}


def reproduced(people: People, derivation: dict[str, Any]) -> dict[str, Any]:
    job = people.pusher("POST", f"/derivations/{derivation['id']}/reproduce", expect=202)
    ended = people.pusher.wait(job["id"], seconds=240)
    assert ended["state"] == "succeeded", ended
    result: dict[str, Any] = ended["result"]
    return result


MEMBERS = [{"adapter": "team/half-a@1.0.0", "weight": 0.5}, {"adapter": "team/half-b@1.0.0", "weight": 0.5}]


@pytest.mark.literature("PEGO")
def test_a_merge_is_looked_at_made_measured_published_and_made_again(people: People, scores: dict[str, float]):
    job = people.pusher("POST", "/merges/preview", json={"members": MEMBERS}, expect=202)
    seen = people.pusher.wait(job["id"], seconds=120)["result"]
    # From one first A, the inputs of both halves are much alike; the refusal names the heads.
    assert seen["overlap_in"][0][1] > 0.5
    assert "classifier" in seen["refusals"][0]
    body = {"adapter": "team/halves", "members": MEMBERS, "heads": "team/half-a@1.0.0", "version": "1.0.0"}
    merge = made(people, "/merges", body)
    assert merge["score"] >= min(scores.values()) - 0.1, (merge["score"], scores)
    assert merge["report"]["heads"][0]["fate"] == "kept as it was"
    assert {parent["adapter"]: parent["weight"] for parent in merge["parents"]} == {
        "team/half-a": 0.5,
        "team/half-b": 0.5,
    }
    assert reproduced(people, merge)["is_same"] is True
    path = f"/adapters/team/halves/revisions/{merge['commit_id']}/reviews"
    decided = people.reviewer("POST", path, json={"decision": "approve"}, expect=201)
    assert decided["revision"]["state"] == "published"


def test_weights_are_searched_on_labelled_rows_and_found_again(people: People, scores: dict[str, float]):
    members = [{"adapter": row["adapter"]} for row in MEMBERS]
    search = {"evaluation_set": SET, "rows": 40, "budget": 9}
    body = {"adapter": "team/searched", "members": members, "heads": "team/half-a@1.0.0", "search": search}
    merge = made(people, "/merges", body)
    found = merge["report"]["search"]
    assert found["tried"] == 9
    assert found["loss"] < found["loss_of_base"]
    assert [parent["weight"] for parent in merge["parents"]] == found["history"][best(found)]["weights"]
    assert merge["report"]["weights"] == [parent["weight"] for parent in merge["parents"]]
    assert merge["score"] >= min(scores.values()) - 0.1, (merge["score"], scores)
    assert reproduced(people, merge)["is_same"] is True


def best(found: dict[str, Any]) -> int:
    """The try of least loss with its penalty."""

    def total(row: dict[str, Any]) -> float:
        return float(row["loss"]) + 0.05 * sum(map(abs, row["weights"])) / len(row["weights"])

    return min(range(len(found["history"])), key=lambda place: total(found["history"][place]))


@pytest.mark.literature("1-bit adapters (Precision Redundancy)")
def test_an_adapter_in_fewer_bits_is_measured_beside_its_source(people: People, scores: dict[str, float]):
    errors = []
    for bits in (8, 1):
        body = {"adapter": f"team/half-a-{bits}", "source": "team/half-a@1.0.0", "operation": "quantise"}
        reduced = made(people, "/reductions", body | {"settings": {"bits": bits}})
        report = reduced["report"]
        errors.append(report["relative_error"])
        assert report["bytes_after"] < report["bytes_before"] * (0.3 if bits == 8 else 0.08)
        loss = scores["team/half-a"] - reduced["score"]
        assert loss <= (0.03 if bits == 8 else 0.3), (bits, reduced["score"], scores)
    assert errors[0] < 0.02 < errors[1]
