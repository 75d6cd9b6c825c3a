"""Real families over HTTP: adapters that people published, compressed by a running hub and given back as they were."""

from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import People
from tests.functional.hub_process import Api
from tests.functional.test_bad_input import push

SAM = [f"sam-lora-rank{rank}-v1" for rank in (2, 4, 6, 8, 16)]
GEMMA = ["0112ly-v2", "aowei-adapter", "aowei-adapter-curriculum-stage1", "zouhe"]


def register(people: People, shared: Path, folder: str, base_id: str) -> None:
    """Register a base model by its config.json alone, and wait for its shapes."""
    import json

    config = json.loads((shared / "data" / "base_configs" / folder / "config.json").read_text())
    made = people.admin("POST", "/base-models", json={"id": base_id, "config": config})
    assert made.status_code in (200, 202), made.text
    if made.json()["job"]:
        assert people.admin.wait(made.json()["job"])["state"] == "succeeded"


def publish(people: People, shared: Path, slug: str, base_id: str) -> str:
    """Push a real adapter and approve it; its name."""
    folder = shared / "data" / "real_adapters" / slug
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "source.json"}
    name = f"team/{slug}"
    revision = push(people.pusher, name, files, base=base_id, version="1.0.0")
    assert revision["state"] == "pending", revision["report"]
    review = f"/adapters/{name}/revisions/{revision['commit_id']}/reviews"
    people.reviewer("POST", review, json={"decision": "approve"}, expect=201)
    return name


def compressed(people: People, family: str, base_id: str, names: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """Make the family, add its members and wait for its basis; the basis."""
    namespace, name = family.split("/")
    body = {"namespace": namespace, "name": name, "base_model": base_id}
    people.pusher("POST", "/families", json=body, expect=201)
    people.pusher("POST", f"/families/{family}/members", json={"adapters": names}, expect=201)
    asked = people.pusher("POST", f"/families/{family}/bases", json={"options": options}, expect=202)
    job = people.pusher.wait(asked["job"])
    assert job["state"] == "succeeded", job["error"]
    found: dict[str, Any] = people.stranger("GET", f"/families/{family}/bases/{asked['number']}", expect=200)
    return found


def given_back(api: Api, family: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What a stranger gets of every member: its updates from the bytes that the plan names, and its planned row."""
    from kernels.families.files import read_basis, read_member
    from kernels.families.stored import expand

    plan = api("GET", f"/families/{family}/plan", expect=200)
    place = folder / "basis.safetensors"
    place.write_bytes(fetched(api, plan["basis"]))
    basis = read_basis(place)
    assert basis.sha256 == plan["basis"]["sha256"]
    found = {}
    for row in plan["members"]:
        own = folder / "member.safetensors"
        own.write_bytes(fetched(api, row["coefficients"]))
        found[row["adapter"]] = {"row": row, "updates": expand(basis, read_member(own, basis))}
    return found


def fetched(api: Api, part: dict[str, Any]) -> bytes:
    """The bytes of one part of a plan."""
    answer = api.client.get(part["url"], follow_redirects=True)
    assert (answer.status_code, len(answer.content)) == (200, part["size_bytes"])
    content: bytes = answer.content
    return content


def missed(folder: Path, updates: dict[str, Any]) -> float:
    """What the updates miss of the adapter in a folder: `sum ||D - D'||^2 / sum ||D||^2`, of dense matrices."""
    from kernels.lowrank_io import load_updates

    weights = next(folder.glob("*.safetensors"))
    original = load_updates(folder if (folder / "adapter_config.json").exists() else weights)
    assert set(original) == set(updates)
    error = sum(float((update.dense() - updates[name].dense()).square().sum()) for name, update in original.items())
    return error / sum(float(update.dense().square().sum()) for update in original.values())


def hold_what_they_say(people: People, shared: Path, family: str, basis: dict[str, Any], folder: Path) -> None:
    """Errors are those of the dense matrices, bytes those that came over the wire, and there are fewer of them."""
    back = given_back(people.stranger, family, folder)
    assert basis["report"]["compressed_members"] == len(back)
    for name, found in back.items():
        own = shared / "data" / "real_adapters" / name.removeprefix("team/")
        said = found["row"]["relative_squared_error"]
        assert missed(own, found["updates"]) == pytest.approx(said, rel=0.02, abs=1e-6), name
    wire = basis["size_bytes"] + sum(found["row"]["coefficients"]["size_bytes"] for found in back.values())
    assert wire == basis["report"]["compressed_bytes"] < basis["report"]["original_bytes"]
    errors = [point["mean_error"] for point in basis["curve"]]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.literature("Compress then Serve")
def test_the_sam_ranks_are_compressed_and_come_back(people: People, shared_folder: Path, tmp_path: Path) -> None:
    register(people, shared_folder, "facebook--sam-vit-base", "facebook/sam-vit-base")
    names = [publish(people, shared_folder, slug, "facebook/sam-vit-base") for slug in SAM]
    basis = compressed(people, "team/sam-ranks", "facebook/sam-vit-base", names, {"error": 0.1})
    assert all(module["mean_error"] <= 0.101 for module in basis["report"]["modules"].values())
    assert len(basis["report"]["modules"]) == 24
    hold_what_they_say(people, shared_folder, "team/sam-ranks", basis, tmp_path)


@pytest.mark.literature("Compress then Serve")
def test_the_gemma_family_is_compressed_though_one_member_leaves_modules_out(
    people: People, shared_folder: Path, tmp_path: Path
) -> None:
    register(people, shared_folder, "google--gemma-3-270m-it", "google/gemma-3-270m-it")
    slugs = [f"gemma3-270m-svg-{name}" for name in GEMMA]
    names = [publish(people, shared_folder, slug, "google/gemma-3-270m-it") for slug in slugs]
    basis = compressed(people, "team/gemma-svg", "google/gemma-3-270m-it", names, {"rank": 6})
    assert len(basis["report"]["modules"]) == 72
    hold_what_they_say(people, shared_folder, "team/gemma-svg", basis, tmp_path)
