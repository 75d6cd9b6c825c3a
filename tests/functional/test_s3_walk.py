"""The main job with the bytes on S3: push, validate, approve, pull; and how a failing store looks from outside."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.functional.conftest import BASE, PASSWORD, sign_in
from tests.functional.hub_process import REPOSITORY, Api, HubProcess, bootstrap
from tests.functional.real_adapters import make_lora
from tests.functional.test_bad_input import announce, finish, push, send, send_part
from tests.functional.test_push_then_pull import run_client
from tests.servers.proxy import Fault, FaultyProxy
from tests.servers.swift import BUCKET, SwiftServer

NAME = "team/on-s3"
PREFIX = "walk/hub"


@dataclass(frozen=True)
class S3Hub:
    """A hub whose bytes lie on S3, a way to look behind it, and two people."""

    hub: HubProcess
    swift: SwiftServer
    proxy: FaultyProxy
    admin: Api
    pusher: Api

    def blobs(self) -> set[str]:
        """The digests under blobs/."""
        return {key.rpartition("/")[2] for key in self.swift.keys(f"{PREFIX}/blobs/")}

    def staged(self) -> list[str]:
        """Parts of unfinished uploads."""
        return self.swift.keys(f"{PREFIX}/staging/")


@pytest.fixture(scope="module")
def s3_hub(swift: SwiftServer, minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Hub]:
    """A hub that reaches S3 through a proxy, with an organisation and a base model."""
    with FaultyProxy(swift.endpoint) as proxy:
        environment = {"HUB_STORAGE_URL": swift.url(PREFIX, endpoint=proxy.url), "HUB_PART_SIZE_BYTES": str(128 << 10)}
        hub = HubProcess(tmp_path_factory.mktemp("hub-on-s3"), **environment, **swift.environment).start()
        try:
            admin = bootstrap(hub)
            admin("POST", "/users", json={"username": "pusher", "email": "", "password": PASSWORD}, expect=201)
            admin("POST", "/namespaces", json={"name": "team"}, expect=201)
            admin("PUT", "/namespaces/team/members/pusher", json={"role": "writer"}, expect=200)
            config = json.loads((minilm / "config.json").read_text())
            made = admin("POST", "/base-models", json={"id": BASE, "config": config, "license": "Apache-2.0"})
            assert made.status_code in (200, 202), made.text
            if made.json()["job"]:
                assert admin.wait(made.json()["job"])["state"] == "succeeded"
            yield S3Hub(hub, swift, proxy, admin, sign_in(hub, "pusher"))
        finally:
            hub.stop()


@pytest.fixture
def files(lora: Path) -> dict[str, bytes]:
    """The real LoRA as path -> bytes."""
    return {path.name: path.read_bytes() for path in lora.iterdir() if path.is_file()}


def digests_of(files: dict[str, bytes]) -> set[str]:
    return {hashlib.sha256(content).hexdigest() for content in files.values()}


def test_what_was_pushed_and_approved_is_pulled_byte_for_byte(
    s3_hub: S3Hub, files: dict[str, bytes], tmp_path: Path
) -> None:
    revision = push(s3_hub.pusher, NAME, files, base=BASE, version="1.0.0")
    assert (revision["state"], revision["report"]["verdict"]) == ("pending", "accepted")
    assert revision["facts"]["rank"] == 8
    reviews = f"/adapters/{NAME}/revisions/{revision['commit_id']}/reviews"
    s3_hub.admin("POST", reviews, json={"decision": "approve"}, expect=201)
    run_client(s3_hub.hub, s3_hub.pusher, "pull", f"{NAME}@1.0.0", "--dest", str(tmp_path / "home"))
    assert {name: (tmp_path / "home" / name).read_bytes() for name in files} == files
    assert s3_hub.blobs() == digests_of(files)
    assert s3_hub.staged() == []
    assert not (s3_hub.hub.data_dir / "store").exists()


def test_a_range_is_served_from_s3(s3_hub: S3Hub, files: dict[str, bytes]) -> None:
    content = files["adapter_model.safetensors"]
    path = f"/adapters/{NAME}/files/1.0.0/adapter_model.safetensors"
    answer = s3_hub.pusher("GET", path, headers={"Range": "bytes=1000-1999"})
    assert (answer.status_code, answer.content) == (206, content[1000:2000])


def test_a_wrong_digest_leaves_no_object_under_blobs(s3_hub: S3Hub, files: dict[str, bytes]) -> None:
    before = s3_hub.blobs()
    content = {"notes.md": b"never seen before\n" * 20_000}
    upload = announce(s3_hub.pusher, "team/wrong", content, base=BASE).json()
    send(s3_hub.pusher, upload, content)
    refused = finish(s3_hub.pusher, upload, {"notes.md": b"something else"})
    assert (refused.status_code, refused.json()["code"]) == (422, "digest_mismatch")
    assert s3_hub.blobs() == before
    assert s3_hub.staged() == []
    assert s3_hub.swift.unfinished(f"{PREFIX}/") == []


@pytest.mark.parametrize("where", ["staging", "blobs"])
def test_a_store_that_fails_is_a_503_and_the_same_upload_goes_on_afterwards(
    s3_hub: S3Hub, files: dict[str, bytes], where: str
) -> None:
    content = {**files, "notes.md": f"not there yet: {where}\n".encode()}
    upload = announce(s3_hub.pusher, f"team/outage-{where}", content, base=BASE).json()
    s3_hub.proxy.faults[:] = [Fault("PUT", where, status=403)]
    try:
        answer: Any = send_part(s3_hub.pusher, upload["files"][0]["parts"][0], _first_part(upload, content))
        if where == "blobs":
            send(s3_hub.pusher, upload, content)
            answer = finish(s3_hub.pusher, upload, content)
    finally:
        s3_hub.proxy.faults.clear()
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert answer.headers["Retry-After"]
    assert hashlib.sha256(content["notes.md"]).hexdigest() not in s3_hub.blobs()
    send(s3_hub.pusher, upload, content)
    assert finish(s3_hub.pusher, upload, content).status_code == 202
    assert digests_of(content) <= s3_hub.blobs()


def test_bytes_that_changed_on_their_way_through_the_store_are_refused(s3_hub: S3Hub, files: dict[str, bytes]) -> None:
    content = {"notes.md": b"these words\n"}
    upload = announce(s3_hub.pusher, "team/changed", content, base=BASE).json()
    send(s3_hub.pusher, upload, content)
    (staged,) = s3_hub.staged()
    s3_hub.swift.client.put_object(Bucket=BUCKET, Key=staged, Body=b"other words\n")
    refused = finish(s3_hub.pusher, upload, content)
    assert (refused.status_code, refused.json()["code"]) == (422, "digest_mismatch")


@pytest.fixture(scope="module")
def large_lora(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than one part of a multipart upload: this one goes past the hub."""
    folder = make_lora(minilm, tmp_path_factory.mktemp("large") / "lora", seed=5, rank=160)
    assert (folder / "adapter_model.safetensors").stat().st_size > 5 << 20
    return folder


def test_a_large_adapter_goes_past_the_hub_both_ways(s3_hub: S3Hub, large_lora: Path, tmp_path: Path) -> None:
    s3_hub.proxy.seen.clear()
    run_client(s3_hub.hub, s3_hub.pusher, "push", str(large_lora), "team/large", "--base", BASE, "--version", "1.0.0")
    assert s3_hub.proxy.count("PUT", "X-Amz-Signature") == 2
    revision = s3_hub.pusher("GET", "/adapters/team/large/versions/1.0.0", expect=200)
    reviews = f"/adapters/team/large/revisions/{revision['commit_id']}/reviews"
    s3_hub.admin("POST", reviews, json={"decision": "approve"}, expect=201)
    s3_hub.proxy.faults[:] = [Fault("GET", "X-Amz-Signature", cut_after=1_000_000, times=1)]
    run_client(s3_hub.hub, s3_hub.pusher, "pull", "team/large@1.0.0", "--dest", str(tmp_path / "home"))
    assert s3_hub.proxy.count("GET", "X-Amz-Signature") == 2, "the rest is asked for by Range, under a fresh address"
    for path in large_lora.iterdir():
        assert (tmp_path / "home" / path.name).read_bytes() == path.read_bytes()
    assert s3_hub.staged() == []


def test_a_killed_push_of_a_large_file_sends_no_part_twice(s3_hub: S3Hub, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    content = hashlib.sha256(b"large").digest() * ((60 << 20) // 32)
    (folder / "adapter_model.safetensors").write_bytes(content)
    (folder / "adapter_config.json").write_text("{}")
    s3_hub.proxy.seen.clear()
    # Four parts are under way at a time: each takes long enough for the client to be killed before the last.
    slow = Fault("PUT", "partNumber", delay_seconds=0.5)
    s3_hub.proxy.faults.append(slow)
    first = start_push(s3_hub, folder, "team/killed")
    deadline = time.monotonic() + 60
    while len(arrived(s3_hub)) < 3 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.wait()
    before = settled(s3_hub)
    s3_hub.proxy.faults.remove(slow)
    assert 3 <= len(before) < 12, "the client was killed half way"
    s3_hub.proxy.seen.clear()
    second = start_push(s3_hub, folder, "team/killed")
    output, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    answer = json.loads(output)
    assert (answer["state"], answer["revision"]) == ("receiving", {})
    again = [part_number(target) for method, target in s3_hub.proxy.seen if method == "PUT" and "partNumber" in target]
    by_client = [number for number in again if number]
    assert len(by_client) == len(set(by_client)) == 12 - len(before)
    assert not set(by_client) & before
    job = s3_hub.pusher.wait(answer["job"]["id"])
    assert (job["kind"], job["state"]) == ("receive_upload", "succeeded")
    assert hashlib.sha256(content).hexdigest() in s3_hub.blobs()
    third = start_push(s3_hub, folder, "team/killed")
    output, errors = third.communicate(timeout=120)
    assert json.loads(output)["revision"]["commit_id"] == job["result"]["commit_id"], errors


def start_push(s3_hub: S3Hub, folder: Path, name: str) -> subprocess.Popen[str]:
    home = {"HUB_CACHE": str(s3_hub.hub.data_dir / "client-cache"), "HUB_CONFIG": str(s3_hub.hub.data_dir / "client")}
    return subprocess.Popen(
        [sys.executable, "-m", "hubclient", "push", str(folder), name, "--version", "1.0.0", "--no-wait", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, **home, "HUB_URL": s3_hub.hub.url, "HUB_TOKEN": s3_hub.pusher.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def part_number(target: str) -> int:
    """The part that a client sent by a presigned URL; 0 for what the hub itself writes."""
    query = parse_qs(urlsplit(target).query)
    return int(query["partNumber"][0]) if "X-Amz-Signature" in query else 0


def settled(s3_hub: S3Hub) -> set[int]:
    """The same once no part is on its way between proxy and store any more."""
    before: set[int] = set()
    while before != (now := arrived(s3_hub)):
        before = now
        time.sleep(2)
    return now


def arrived(s3_hub: S3Hub) -> set[int]:
    """The parts that the store has of every unfinished multipart upload."""
    client = s3_hub.swift.client
    listed = client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{PREFIX}/staging/").get("Uploads", [])
    return {
        part["PartNumber"]
        for upload in listed
        for part in client.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts", [])
    }


def test_the_log_tells_of_the_failures_and_holds_no_secret(s3_hub: S3Hub) -> None:
    log = s3_hub.hub.log()
    assert "storage_refused: put_object staging/" in log
    assert s3_hub.swift.secret_key not in log
    assert "X-Amz-Signature" not in log


def _first_part(upload: dict[str, Any], content: dict[str, bytes]) -> bytes:
    file = upload["files"][0]
    return content[file["path"]][: file["parts"][0]["size_bytes"]]
