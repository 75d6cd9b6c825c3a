"""A score of the hub is the score of a plain script of PEFT and transformers, to the last digit, on real data."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import People
from tests.functional.hub_process import REPOSITORY
from tests.functional.real_sets import as_lines, rows_of, train_adapter
from tests.functional.test_bad_input import push

SET = "team/clinc-domains"
SCRIPT = """
import json, sys
import torch
from peft import PeftModel
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer
base, adapter, rows, labels, batch_size = json.loads(sys.argv[1])
torch.set_num_threads(1)
rows = [json.loads(line) for line in open(rows, encoding="utf-8")]
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(labels))
model = PeftModel.from_pretrained(model, adapter).eval()
texts = [row["text"] for row in rows]
order = sorted(range(len(texts)), key=lambda row: -len(tokenizer(texts[row])["input_ids"]))
logits = torch.empty(len(texts), len(labels))
with torch.no_grad():
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        encoded = tokenizer([texts[row] for row in batch], padding=True, truncation=True, return_tensors="pt")
        logits[batch] = model(**encoded).logits
answers = [labels[answer] for answer in logits.argmax(dim=1)]
truth = [row["label"] for row in rows]
print(json.dumps({
    "answer": answers,
    "confidence": [round(max(row), 6) for row in torch.softmax(logits.double(), dim=1).tolist()],
    "accuracy": accuracy_score(truth, answers),
    "macro_f1": f1_score(truth, answers, labels=labels, average="macro"),
}))
"""


@dataclass(frozen=True)
class World:
    """The set on the hub, and what was pushed."""

    labels: list[str]
    test: Path
    adapter: Path


@pytest.fixture(scope="module")
def world(people: People, base_model: str, minilm: Path, shared_folder: Path, tmp_path_factory: Any) -> World:
    folder = tmp_path_factory.mktemp("evaluation")
    train, test = (rows_of(shared_folder, "clinc_domain10", split, 120) for split in ("train", "test"))
    labels = sorted({row["label"] for row in train})
    (folder / "test.jsonl").write_bytes(as_lines(test))
    adapter = train_adapter(minilm, folder / "adapter", train, labels)
    files = {path.name: path.read_bytes() for path in adapter.iterdir()}
    for version in ("1.0.0", "2.0.0"):
        revision = push(
            people.pusher, "team/domains", files | {"NOTE.md": version.encode()}, base=base_model, version=version
        )
        assert revision["state"] == "pending", revision
    people.pusher("POST", "/evaluation-sets", json={"namespace": "team", "name": "clinc-domains"}, expect=201)
    manifest = {"harness": "sequence_classification", "metric": "accuracy", "labels": labels, "license": "CC-BY-3.0"}
    sent = {"test": ("test.jsonl", as_lines(test)), "train": ("train.jsonl", as_lines(train))}
    data = {"manifest": json.dumps(manifest)}
    people.pusher("POST", f"/evaluation-sets/{SET}/revisions", data=data, files=sent, expect=201)
    return World(labels, folder / "test.jsonl", adapter)


def measure(people: People, **body: Any) -> list[dict[str, Any]]:
    """Ask, wait for the jobs, and return the evaluations."""
    asked = people.pusher("POST", "/evaluations", json={"evaluation_set": SET} | body, expect=202)
    for job in asked["jobs"]:
        ended = people.pusher.wait(job["id"], seconds=240)
        assert ended["state"] == "succeeded", ended
    return [people.pusher("GET", f"/evaluations/{row['id']}", expect=200) for row in asked["evaluations"]]


def test_a_score_is_that_of_a_plain_script_and_the_base_stands_beside_it(people: People, world: World, minilm: Path):
    measured = measure(people, adapters=["team/domains@1.0.0", "team/domains@2.0.0"])
    one, two, base = sorted(measured, key=lambda row: row["version"] or "base")
    assert [row["state"] for row in measured] == ["measured"] * 3, measured
    argument = [str(minilm), str(world.adapter), str(world.test), world.labels, one["used"]["batch_size"]]
    command = [sys.executable, "-c", SCRIPT, json.dumps(argument)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plain = json.loads(done.stdout)
    answers = people.pusher("GET", f"/evaluations/{one['id']}/predictions", expect=200)["columns"]
    assert answers["answer"] == plain["answer"]
    assert answers["confidence"] == plain["confidence"]
    assert one["score"] == one["metrics"]["accuracy"]["value"] == plain["accuracy"]
    assert one["metrics"]["macro_f1"]["value"] == plain["macro_f1"]
    assert one["score_low"] <= one["score"] <= one["score_high"]
    # The other version has the same tensors, and went through the same base model after the first.
    assert two["predictions_digest"] == one["predictions_digest"]
    assert base["cause"] == "baseline"
    assert base["used"]["head"] == "probe"
    assert 0.5 < base["score"] < 1
    assert base["metrics"]["gda"]["value"] > 0.5


def test_the_same_asked_again_has_the_same_digest(people: People, world: World):
    settings = {"limit": 50, "seed": 3, "efficiency": False}
    first, second = (
        next(row for row in measure(people, adapters=["team/domains@1.0.0"], settings=settings) if row["version"])
        for _ in range(2)
    )
    assert first["id"] != second["id"]
    assert first["predictions_digest"] == second["predictions_digest"]
    assert first["metrics"] == second["metrics"]
    assert first["used"]["rows"] == 50


def test_the_noise_that_an_adapter_bears_is_searched_and_its_calibration_measured_before_and_after(
    people: People, world: World
):
    settings = {"samples": 3, "anchor_rows": 60, "tolerance": 0.05}
    body = {"version": "1.0.0", "evaluation_set": SET, "settings": settings}
    asked = people.pusher("POST", "/adapters/team/domains/uncertainty", json=body, expect=202)
    assert people.pusher.wait(asked["job"], seconds=300)["state"] == "succeeded"
    row = people.pusher("GET", "/adapters/team/domains/uncertainty", expect=200)["results"][0]
    assert (row["id"], row["state"], row["error"]) == (asked["id"], "measured", None)
    assert row["sigma"] > 0
    used = row["used"]
    assert (used["anchor_rows"], used["test_rows"], used["anchor_split"]) == (60, 120, "train")
    assert used["anchor_before"]["accuracy"] - used["anchor_after"]["accuracy"] <= 0.05
    scores = [row for row in measure(people, adapters=["team/domains@1.0.0"]) if row["version"]]
    assert row["before"]["accuracy"] == pytest.approx(scores[0]["score"])
    assert row["before"]["ece"] == pytest.approx(scores[0]["metrics"]["calibration_error"]["value"], abs=1e-6)
