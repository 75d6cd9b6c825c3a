"""Bad input gets a clear error, and nothing is lost: status, code, and what is left in the store."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.functional.conftest import People, sign_in
from tests.functional.hub_process import Api, HubProcess

Push = Callable[..., Any]


def announce(api: Api, name: str, files: dict[str, bytes], **details: Any) -> Any:
    """Open an upload for these files."""
    listed = [{"path": path, "size_bytes": len(content)} for path, content in files.items()]
    return api("POST", "/uploads", json={"adapter": name, "files": listed, **details})


def send(api: Api, upload: dict[str, Any], files: dict[str, bytes]) -> None:
    """Send every part that has not arrived."""
    for file in upload["files"]:
        for part in file["parts"]:
            if not part["is_received"]:
                content = files[file["path"]][part["offset"] : part["offset"] + part["size_bytes"]]
                send_part(api, part, content)


def send_part(api: Api, part: dict[str, Any], content: bytes) -> Any:
    """PUT one part."""
    return api.client.put(part["url"], content=content, headers={"Content-Type": "application/octet-stream"})


def finish(api: Api, upload: dict[str, Any], files: dict[str, bytes]) -> Any:
    """Finish with the right digests."""
    listed = [{"path": path, "sha256": hashlib.sha256(content).hexdigest()} for path, content in files.items()]
    return api("POST", f"/uploads/{upload['id']}/finish", json={"files": listed})


def push(api: Api, name: str, files: dict[str, bytes], **details: Any) -> dict[str, Any]:
    """The whole push; returns the revision after its validation."""
    opened = announce(api, name, files, **details)
    assert opened.status_code == 201, opened.text
    send(api, opened.json(), files)
    finished = finish(api, opened.json(), files)
    assert finished.status_code == 202, finished.text
    body = finished.json()
    api.wait(body["job"]["id"])
    revision: dict[str, Any] = api("GET", f"/adapters/{name}/revisions/{body['revision']['commit_id']}", expect=200)
    return revision


@pytest.fixture
def files(lora: Path) -> dict[str, bytes]:
    """The real LoRA as path -> bytes."""
    return {path.name: path.read_bytes() for path in lora.iterdir()}


def with_weights(files: dict[str, bytes], tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    """The same adapter with its tensors changed."""
    source = tmp_path / "source.safetensors"
    source.write_bytes(files["adapter_model.safetensors"])
    tensors = load_file(source)
    change(tensors)
    save_file(tensors, tmp_path / "changed.safetensors", metadata={"format": "pt"})
    return {**files, "adapter_model.safetensors": (tmp_path / "changed.safetensors").read_bytes()}


def first_error(revision: dict[str, Any]) -> dict[str, Any]:
    """The first finding of severity error."""
    error: dict[str, Any] = next(f for f in revision["report"]["findings"] if f["severity"] == "error")
    return error


def test_an_unknown_base_model_is_refused_before_any_byte_is_sent(
    hub: HubProcess, people: People, base_model: str, files: dict[str, bytes]
) -> None:
    blobs = hub.blobs()
    refused = announce(people.pusher, "team/unknown-base", files, base="nobody/no-such-model")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_base_model")
    assert "base-model add" in refused.json()["hint"]
    assert hub.blobs() == blobs
    assert people.pusher("GET", "/adapters/team/unknown-base").status_code == 404


def test_a_local_path_in_the_config_is_no_base_and_the_hub_names_one_that_fits(
    people: People, base_model: str, files: dict[str, bytes]
) -> None:
    config = {**json.loads(files["adapter_config.json"]), "base_model_name_or_path": "./checkpoints/model"}
    changed = {
        "adapter_model.safetensors": files["adapter_model.safetensors"],
        "adapter_config.json": json.dumps(config).encode(),
    }
    revision = push(people.pusher, "team/path-base", changed)
    assert revision["state"] == "invalid"
    assert first_error(revision)["code"] == "base_undeclared"
    assert base_model in first_error(revision)["hint"]


def test_wrong_shapes_name_the_tensor_and_both_shapes(
    people: People, base_model: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    name = "base_model.model.bert.encoder.layer.3.attention.self.query.lora_A.weight"

    def widen(tensors: dict[str, Any]) -> None:
        tensors[name] = np.ones((8, 512), dtype=np.float32)

    revision = push(people.pusher, "team/wrong-shape", with_weights(files, tmp_path, widen), base=base_model)
    error = first_error(revision)
    assert (revision["state"], error["code"], error["tensor"]) == ("invalid", "shape_mismatch", name)
    assert "384" in json.dumps(error["expected"])
    assert "512" in json.dumps(error["received"])


def test_a_truncated_file_is_refused(people: People, base_model: str, files: dict[str, bytes]) -> None:
    cut = {**files, "adapter_model.safetensors": files["adapter_model.safetensors"][:-1000]}
    revision = push(people.pusher, "team/truncated", cut, base=base_model)
    assert revision["state"] == "invalid"
    assert first_error(revision)["code"] in {"truncated", "data_truncated", "file_truncated"}


def test_an_adapter_that_changes_nothing_is_refused(
    people: People, base_model: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    def zero(tensors: dict[str, Any]) -> None:
        for name in tensors:
            if "lora_B" in name:
                tensors[name] = np.zeros_like(tensors[name])

    revision = push(people.pusher, "team/no-op", with_weights(files, tmp_path, zero), base=base_model)
    assert (revision["state"], first_error(revision)["code"]) == ("invalid", "changes_nothing")


def test_a_refused_revision_frees_its_version(people: People, base_model: str, files: dict[str, bytes]) -> None:
    cut = {**files, "adapter_model.safetensors": files["adapter_model.safetensors"][:-1000]}
    assert push(people.pusher, "team/second-try", cut, base=base_model, version="1.0.0")["state"] == "invalid"
    assert push(people.pusher, "team/second-try", files, base=base_model, version="1.0.0")["state"] == "pending"


def test_a_wrong_digest_drops_that_file_and_keeps_the_upload_open(
    hub: HubProcess, people: People, base_model: str, files: dict[str, bytes]
) -> None:
    blobs = hub.blobs()
    upload = announce(people.pusher, "team/wrong-digest", files, base=base_model).json()
    send(people.pusher, upload, {**files, "README.md": b"x" * len(files["README.md"])})
    refused = finish(people.pusher, upload, files)
    assert (refused.status_code, refused.json()["code"]) == (422, "digest_mismatch")
    assert "README.md" in refused.json()["detail"]
    assert people.pusher("GET", "/adapters/team/wrong-digest").status_code == 404
    again = people.pusher("GET", f"/uploads/{upload['id']}", expect=200)
    missing = [file["path"] for file in again["files"] if not all(part["is_received"] for part in file["parts"])]
    assert (again["state"], missing) == ("open", ["README.md"])
    send(people.pusher, again, files)
    assert finish(people.pusher, again, files).status_code == 202
    digests = {hashlib.sha256(content).hexdigest() for content in files.values()}
    assert hub.blobs() - blobs <= digests
    assert not [path for path in hub.staged() if upload["id"].replace("-", "") in str(path)]


def test_a_pickle_is_refused_without_being_opened(
    hub: HubProcess, people: People, files: dict[str, bytes], tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    bomb = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    refused = announce(people.pusher, "team/pickle", {**files, "adapter_model.bin": bomb})
    assert (refused.status_code, refused.json()["code"]) == (422, "pickle_refused")
    assert "safetensors" in refused.json()["hint"]
    renamed = {"adapter_config.json": files["adapter_config.json"], "adapter_model.safetensors": bomb}
    revision = push(people.pusher, "team/pickle-renamed", renamed, base="all-MiniLM-L6-v2")
    assert revision["state"] == "invalid"
    assert not canary.exists()


@pytest.fixture
def published(people: People, base_model: str, files: dict[str, bytes]) -> str:
    """An adapter that is published as 1.0.0."""
    name = "team/published-once"
    listed = people.pusher("GET", f"/adapters/{name}")
    if listed.status_code == 404 or not listed.json()["default_version"]:
        revision = push(people.pusher, name, files, base=base_model, version="1.0.0")
        path = f"/adapters/{name}/revisions/{revision['commit_id']}/reviews"
        people.reviewer("POST", path, json={"decision": "approve"}, expect=201)
    return name


def test_a_published_version_takes_no_other_files(
    hub: HubProcess, people: People, published: str, files: dict[str, bytes]
) -> None:
    other = {**files, "README.md": files["README.md"] + b"\nchanged\n"}
    blobs = hub.blobs()
    opened = announce(people.pusher, published, other, version="1.0.0")
    send(people.pusher, opened.json(), other)
    refused = finish(people.pusher, opened.json(), other)
    assert (refused.status_code, refused.json()["code"]) == (409, "version_exists")
    assert hub.blobs() == blobs, "a refused push leaves no blob behind"
    early = [
        {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in other.items()
    ]
    at_once = people.pusher("POST", "/uploads", json={"adapter": published, "version": "1.0.0", "files": early})
    assert (at_once.status_code, at_once.json()["code"]) == (409, "version_exists")


def test_pushing_identical_files_to_a_published_version_is_harmless(
    people: People, published: str, files: dict[str, bytes]
) -> None:
    opened = announce(people.pusher, published, files, version="1.0.0").json()
    send(people.pusher, opened, files)
    same = finish(people.pusher, opened, files)
    assert same.status_code == 202
    assert same.json()["revision"]["state"] == "published"
    assert len(people.pusher("GET", f"/adapters/{published}/revisions", expect=200)["results"]) == 1


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "token_missing"), ("Bearer hub_made_up", "token_invalid"), ("Bearer x", "token_invalid")],
)
def test_without_a_good_token_nothing_is_pushed(
    hub: HubProcess, files: dict[str, bytes], header: str | None, code: str
) -> None:
    api = Api(hub.url)
    if header:
        api.client.headers["Authorization"] = header
    refused = announce(api, "team/anything", files)
    assert (refused.status_code, refused.json()["code"]) == (401, code)


def test_an_expired_token_says_so(hub: HubProcess, people: People, files: dict[str, bytes]) -> None:
    api = sign_in(hub, "stranger")
    code = (
        "from catalog.accounts.models import ApiToken; from django.utils import timezone; "
        f"ApiToken.objects.filter(prefix='{api.token[:10]}').update(expires_at=timezone.now())"
    )
    hub.manage("shell", "-c", code)
    refused = announce(api, "stranger/anything", files)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize("name", ["team/Published-Once", "team/published_once", "team/PUBLISHED.ONCE"])
def test_a_name_that_collides_after_folding_is_taken(
    people: People, published: str, files: dict[str, bytes], name: str
) -> None:
    refused = announce(people.pusher, name, files)
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    assert published in refused.json()["detail"]


def test_finishing_twice_answers_the_same_revision(people: People, base_model: str, files: dict[str, bytes]) -> None:
    upload = announce(people.pusher, "team/twice", files, base=base_model).json()
    send(people.pusher, upload, files)
    first, second = finish(people.pusher, upload, files), finish(people.pusher, upload, files)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["revision"]["commit_id"] == second.json()["revision"]["commit_id"]
    assert first.json()["job"]["id"] == second.json()["job"]["id"]


def test_finishing_too_early_says_which_parts_are_missing(
    people: People, base_model: str, files: dict[str, bytes]
) -> None:
    upload = announce(people.pusher, "team/too-early", files, base=base_model).json()
    refused = finish(people.pusher, upload, files)
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_incomplete")


def test_a_part_of_the_wrong_size_is_not_kept(
    hub: HubProcess, people: People, base_model: str, files: dict[str, bytes]
) -> None:
    upload = announce(people.pusher, "team/short-part", files, base=base_model).json()
    part = upload["files"][0]["parts"][0]
    refused = send_part(people.pusher, part, b"short")
    assert (refused.status_code, refused.json()["code"]) == (422, "size_mismatch")
    again = people.pusher("GET", f"/uploads/{upload['id']}", expect=200)
    assert again["files"][0]["parts"][0]["is_received"] is False
    assert not [path for path in hub.staged() if upload["id"].replace("-", "") in str(path)]


def test_a_stranger_pushes_nothing_into_the_team(people: People, files: dict[str, bytes]) -> None:
    refused = announce(people.stranger, "team/from-outside", files)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


def test_a_rejection_needs_a_reason_and_shows_it(people: People, base_model: str, files: dict[str, bytes]) -> None:
    revision = push(people.pusher, "team/to-reject", files, base=base_model, version="1.0.0")
    path = f"/adapters/team/to-reject/revisions/{revision['commit_id']}/reviews"
    silent = people.reviewer("POST", path, json={"decision": "reject"})
    assert (silent.status_code, silent.json()["field"]) == (400, "reason")
    decided = people.reviewer("POST", path, json={"decision": "reject", "reason": "no card"}, expect=201)
    assert decided["revision"]["state"] == "rejected"
    seen = people.pusher("GET", f"/adapters/team/to-reject/revisions/{revision['commit_id']}", expect=200)
    assert seen["review"]["reason"] == "no card"
    assert people.stranger("GET", "/adapters/team/to-reject").status_code == 404


def test_the_pusher_does_not_review_the_own_push(people: People, base_model: str, files: dict[str, bytes]) -> None:
    revision = push(people.pusher, "team/own-review", files, base=base_model)
    path = f"/adapters/team/own-review/revisions/{revision['commit_id']}/reviews"
    refused = people.pusher("POST", path, json={"decision": "approve"})
    assert refused.status_code == 403


def test_resolve_for_a_base_that_does_not_fit_names_the_tensor(people: People, published: str, base_model: str) -> None:
    config = people.admin("GET", f"/base-models/{base_model}/config", expect=200)
    wider = {**config, "hidden_size": 768, "intermediate_size": 3072}
    made = people.admin("POST", "/base-models", json={"id": "tests/wider-bert", "config": wider})
    if made.status_code == 202:
        people.admin.wait(made.json()["job"])
    refused = people.stranger("POST", "/resolve", json={"adapter": published, "base": "tests/wider-bert"})
    assert (refused.status_code, refused.json()["code"]) == (409, "base_mismatch")
    assert refused.json()["tensor"]
    assert refused.json()["expected"] != refused.json()["received"]
