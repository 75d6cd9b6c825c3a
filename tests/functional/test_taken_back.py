"""One adapter for each shard of data: who may read it, what was made of it, and how all of it is taken back.

A real hub, real LoRAs of MiniLM, a merge and a shared basis computed by its worker; everything through HTTP and the
command line.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import People
from tests.functional.hub_process import Api, HubProcess
from tests.functional.real_adapters import make_lora
from tests.functional.test_push_then_pull import run_client

A, B, C, MERGED, FAMILY = "shards/a", "shards/b", "shards/c", "shards/merged", "shards/court"
WHY = "the people in shard 2024-01 took their consent back"


@pytest.fixture(scope="module")
def shards(hub: HubProcess, people: People, base_model: str, minilm: Path, tmp_path_factory: Any) -> dict[str, Path]:
    """Three published LoRAs of three shards; the first is private. The folders that they were pushed from.

    They are this file's own: what is removed here is taken from nobody again.
    """
    people.pusher("POST", "/namespaces", json={"name": "shards", "is_review_required": False}, expect=201)
    made = tmp_path_factory.mktemp("shards")
    folders = {name: make_lora(minilm, made / name[-1], seed=seed) for name, seed in ((A, 41), (B, 42), (C, 43))}
    for month, (name, folder) in enumerate(folders.items(), start=1):
        run_client(
            hub, people.pusher, "push", str(folder), name, "--base", base_model, "--version", "1.0.0",
            "--tag", f"shard-2024-0{month}", "--training-data", f"court decisions, shard 2024-0{month}",
            "--private" if name == A else "--public",
        )  # fmt: skip
    return folders


@pytest.fixture(scope="module")
def merged(people: People, shards: dict[str, Path]) -> dict[str, Any]:
    """A public merge of all three, made by a worker and published. Its plan."""
    body = {"adapter": MERGED, "visibility": "public", "method": "cat", "heads": B, "version": "1.0.0"}
    members = [{"adapter": name, "weight": 0.3} for name in (A, B, C)]
    asked = people.pusher("POST", "/merges", json={**body, "members": members}, expect=202)
    finish(people.pusher, asked["job"])
    plan: dict[str, Any] = people.pusher("POST", "/resolve", json={"adapter": MERGED}, expect=200)
    return plan


@pytest.fixture(scope="module")
def basis(people: People, base_model: str, shards: dict[str, Path]) -> dict[str, Any]:
    """A basis of all three."""
    people.pusher(
        "POST", "/families", json={"namespace": "shards", "name": "court", "base_model": base_model}, expect=201
    )
    people.pusher("POST", f"/families/{FAMILY}/members", json={"adapters": [A, B, C]}, expect=201)
    options = {"method": "jd_full", "rank": 16}
    asked = people.pusher("POST", f"/families/{FAMILY}/bases", json={"options": options}, expect=202)
    finish(people.pusher, asked["job"])
    made: dict[str, Any] = people.pusher("GET", f"/families/{FAMILY}/bases/1", expect=200)
    assert made["state"] == "ready", made
    return made


def finish(api: Api, job_id: str) -> dict[str, Any]:
    """The result of a job, and of the validation that it led to."""
    job = api.wait(job_id, seconds=120)
    assert job["state"] == "succeeded", job
    result: dict[str, Any] = job["result"]
    if result.get("job"):
        assert api.wait(result["job"])["state"] == "succeeded"
    return result


def statuses(api: Api, plan: dict[str, Any]) -> set[int]:
    """What every way to the merge answers: its plan, its page in the API, a file by version and by commit."""
    commit, file = plan["commit_id"], plan["files"][0]["path"]
    return {
        api("POST", "/resolve", json={"adapter": f"{MERGED}@1.0.0"}).status_code,
        api("GET", f"/adapters/{MERGED}/files/1.0.0/{file}").status_code,
        api("GET", f"/adapters/{MERGED}/files/{commit}/{file}").status_code,
        api("GET", f"/adapters/{MERGED}/revisions/{commit}").status_code,
    }


@pytest.mark.literature("AdapterSwap")
def test_a_shard_is_found_by_its_data_and_read_by_whom_it_is_meant_for(hub, people, shards, merged, basis):
    (found,) = people.pusher("GET", "/adapters?tag=shard-2024-01", expect=200)["results"]
    assert found["full_name"] == A
    said = people.pusher("GET", f"/adapters/{A}", expect=200)["revision"]["claims"]["training_data"]
    assert said == "court decisions, shard 2024-01"
    up = people.pusher("GET", f"/adapters/{MERGED}/lineage", expect=200)
    assert {row["adapter"] for row in up["ancestors"]} == {A, B, C}

    assert statuses(people.stranger, merged) == {404}, "public, but made of something private"
    assert people.stranger("GET", "/adapters?namespace=shards", expect=200)["count"] == 2
    run_client(hub, people.pusher, "access", "grant", A, "--user", "stranger", "--days", "1")
    assert statuses(people.stranger, merged) == {200}
    assert people.stranger("GET", "/adapters?namespace=shards", expect=200)["count"] == 4
    assert people.stranger("GET", f"/families/{FAMILY}/bases/1/file").status_code == 200


@pytest.mark.literature("AdapterSwap")
def test_removed_it_is_gone_at_once_with_all_that_contains_it_and_the_rest_is_made_anew(
    hub, people, shards, merged, basis, tmp_path
):
    run_client(hub, people.pusher, "access", "grant", A, "--user", "stranger", "--days", "1")
    pulled = run_client(hub, people.stranger, "pull", MERGED, "--dest", str(tmp_path / "merged"))
    weights = {file["sha256"] for file in pulled["files"] if file["path"].endswith(".safetensors")}
    own = people.pusher("POST", "/resolve", json={"adapter": A}, expect=200)["files"]
    weights |= {file["sha256"] for file in own if file["path"].endswith(".safetensors")} | {basis["sha256"]}
    cache = hub.data_dir / "cache"
    assert weights <= hub.blobs()
    assert weights & {path.name for path in cache.rglob("blobs/sha256/*/*")}

    asked_at = time.monotonic()
    removal = people.pusher("POST", "/removals", json={"adapter": A, "reason": WHY}, expect=202)
    assert statuses(people.stranger, merged) == {410}
    for path in (f"/families/{FAMILY}/bases/1/file", f"/adapters/{MERGED}/compressed?version=1.0.0"):
        assert people.stranger("GET", path).status_code == 410
    assert time.monotonic() - asked_at < 60
    # The merge without A may be there by now, as another version.
    listed = people.stranger("GET", "/adapters?namespace=shards", expect=200)["results"]
    assert {row["full_name"] for row in listed} - {MERGED} == {B, C}
    again = str(tmp_path / "again")
    refusal = run_client(hub, people.stranger, "pull", f"{MERGED}@1.0.0", "--dest", again, status=1)
    assert WHY in str(refusal)
    assert not weights & {path.name for path in cache.rglob("blobs/sha256/*/*")}
    assert not (tmp_path / "again").exists()

    finish(people.pusher, removal["job"])
    receipt = people.pusher("GET", f"/removals/{removal['id']}", expect=200)["receipt"]
    became = {file["sha256"]: file["became"] for row in receipt["artefacts"] for file in row["files"]}
    assert {became[digest] for digest in weights} == {"deleted"}
    assert not weights & hub.blobs()
    assert {row["name"]: row["role"] for row in receipt["artefacts"]} == {
        f"{A}@1.0.0": "removed",
        f"{MERGED}@1.0.0": "derived",
        f"{FAMILY}@1": "derived",
    }
    assert {line["kind"]: line["outcome"] for line in receipt["made_anew"]} == {"merge": "asked", "basis": "asked"}
    for line in receipt["made_anew"]:
        finish(people.pusher, line["job"])

    again = people.stranger("GET", f"/adapters/{MERGED}/lineage", expect=200)
    assert {row["adapter"] for row in again["ancestors"]} == {B, C}
    assert people.stranger("GET", f"/adapters/{B}/compressed", expect=200)["number"] == 2
    run_client(hub, people.pusher, "push", str(shards[A]), "shards/under-another-name", status=1)
