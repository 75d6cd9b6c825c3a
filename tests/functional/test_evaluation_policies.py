"""A push is measured by itself on real data, published when it is good enough, and kept out when it turned worse."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save

from tests.functional.conftest import People
from tests.functional.real_sets import as_lines, rows_of, train_adapter
from tests.functional.test_bad_input import push

NAMESPACE, SET = "measured", "measured/domains"


@pytest.fixture(scope="module")
def trained(people: People, minilm: Path, shared_folder: Path, tmp_path_factory: Any) -> dict[str, bytes]:
    """A namespace without review whose hidden set guards publication, and a trained adapter's files."""
    train, test = (rows_of(shared_folder, "clinc_domain10", split, 120) for split in ("train", "test"))
    labels = sorted({row["label"] for row in train})
    pusher = people.pusher
    pusher("POST", "/namespaces", json={"name": NAMESPACE, "is_review_required": False}, expect=201)
    pusher("POST", "/evaluation-sets", json={"namespace": NAMESPACE, "name": "domains"}, expect=201)
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": labels, "is_hidden": True}
    sent = {"test": ("test.jsonl", as_lines(test))}
    pusher("POST", f"/evaluation-sets/{SET}/revisions", data={"manifest": json.dumps(manifest)}, files=sent, expect=201)
    policy = {"evaluation_set": SET, "largest_drop": 0.02, "most_negative_flips": 0.05}
    pusher("POST", f"/namespaces/{NAMESPACE}/policies", json=policy, expect=201)
    folder = train_adapter(minilm, tmp_path_factory.mktemp("policies") / "adapter", train, labels)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_shuffled_head(files: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    """The same adapter, whose head takes every label for another one."""
    path = folder / "adapter_model.safetensors"
    path.write_bytes(files["adapter_model.safetensors"])
    tensors = load_file(path)
    moved = {name: tensor[::-1].copy() if "classifier" in name else tensor for name, tensor in tensors.items()}
    return {**files, "adapter_model.safetensors": save(moved)}


def measured(people: People, version: str) -> dict[str, Any]:
    """The evaluation that the policy asked for, once its job has ended."""
    asked = people.pusher("GET", f"/evaluations?adapter={NAMESPACE}/domains@{version}", expect=200)
    [evaluation] = [row for row in asked["results"] if row["cause"] == "policy"]
    ended = people.pusher.wait(evaluation["job"], seconds=240)
    assert ended["state"] == "succeeded", ended
    return dict(people.pusher("GET", f"/evaluations/{evaluation['id']}", expect=200))


def revision(people: People, commit_id: str) -> dict[str, Any]:
    return dict(people.pusher("GET", f"/adapters/{NAMESPACE}/domains/revisions/{commit_id}", expect=200))


@pytest.mark.literature("MUSCLE")
def test_scores_decide_what_is_published(
    people: People, base_model: str, trained: dict[str, bytes], tmp_path: Path
) -> None:
    first = push(people.pusher, f"{NAMESPACE}/domains", trained, base=base_model, version="1.0.0")
    assert first["state"] == "pending", first
    score = measured(people, "1.0.0")["score"]
    assert score > 0.2  # ten labels
    assert revision(people, first["commit_id"])["state"] == "published"

    worse = with_shuffled_head(trained, tmp_path)
    second = push(people.pusher, f"{NAMESPACE}/domains", worse, base=base_model, version="1.1.0")
    evaluation = measured(people, "1.1.0")
    assert evaluation["score"] < score - 0.02
    assert revision(people, second["commit_id"])["state"] == "pending"
    path = f"/adapters/{NAMESPACE}/domains/revisions/{second['commit_id']}/reviews"
    refused = people.pusher("POST", path, json={"decision": "approve"}, expect=409)
    assert refused["code"] == "score_dropped"
    assert f"{score:.4g}" in refused["detail"]
    shown = people.stranger("GET", f"/adapters/{NAMESPACE}/domains", expect=200)
    assert shown["versions"] == ["1.0.0"]

    reason = {"decision": "approve", "override_gate": True, "reason": "the labels changed their order"}
    people.pusher("POST", path, json=reason, expect=201)
    assert people.stranger("GET", f"/adapters/{NAMESPACE}/domains", expect=200)["versions"] == ["1.1.0", "1.0.0"]
    assert people.admin("GET", f"/evaluation-sets/{SET}/revisions/1/files/test", expect=403)["code"] == "rows_hidden"
    assert people.stranger("GET", f"/evaluations/{evaluation['id']}", expect=200)["score"] == evaluation["score"]
    hidden = people.admin("GET", f"/evaluations/{evaluation['id']}/predictions", expect=403)
    assert hidden["code"] == "rows_hidden"
