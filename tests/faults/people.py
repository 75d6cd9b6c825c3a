"""Who uses the hub in the fault tests, and what they push: one real LoRA in as many variants as one likes."""

import hashlib
import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from safetensors.numpy import load, save

from tests.faults.topology import Topology
from tests.functional.hub_process import Api

PASSWORD = "a long password 4 tests"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
FINAL = ("succeeded", "failed", "cancelled")
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Pushed:
    """A push that the hub accepted: the adapter's full name, its version, the commit and the validation job."""

    name: str
    version: str
    commit: str
    job: str
    files: dict[str, bytes]


class People:
    """An administrator, a reviewer, and an author who owns ``free`` (nothing is reviewed) and ``team`` (all is)."""

    def __init__(self, hub: Topology, base_config: Path, lora: Path) -> None:
        self.hub = hub
        self.url = hub.webs[0].url
        self.admin = Api(self.url, hub.bootstrap()["token"])
        for name in ("author", "reviewer"):
            self.admin("POST", "/users", json={"username": name, "email": "", "password": PASSWORD}, expect=201)
        self.author, self.reviewer = self._sign_in("author"), self._sign_in("reviewer")
        self.author("POST", "/namespaces", json={"name": "free", "is_review_required": False}, expect=201)
        self.author("POST", "/namespaces", json={"name": "team"}, expect=201)
        self.author("PUT", "/namespaces/team/members/reviewer", json={"role": "reviewer"}, expect=200)
        config = json.loads(base_config.read_text())
        made = self.admin("POST", "/base-models", json={"id": BASE, "config": config, "license": "Apache-2.0"})
        assert made.status_code in (200, 202), made.text
        if made.json()["job"]:
            assert self.admin.wait(made.json()["job"], seconds=120)["state"] == "succeeded"
        self._files = {path.name: path.read_bytes() for path in lora.iterdir()}
        self._tensors = load(self._files[WEIGHTS])
        self._numbers = iter(range(1, 1_000_000))
        self._lock = threading.Lock()

    def api(self, who: Api, url: str) -> Api:
        """The same person at another web process, with connections of their own."""
        return Api(url, who.token)

    def files(self, number: int = 0) -> dict[str, bytes]:
        """The real LoRA, its weights scaled a little differently for each number; 0 means one never used before."""
        with self._lock:
            number = number or next(self._numbers)
        scaled = {name: tensor * (1 + number / 65536) for name, tensor in self._tensors.items()}
        return {**self._files, WEIGHTS: save(scaled, metadata={"format": "pt"})}

    def fresh_name(self, stem: str, namespace: str = "free") -> str:
        """A full name that nobody has used."""
        with self._lock:
            return f"{namespace}/{stem}-{next(self._numbers)}"

    def push(
        self, name: str, files: dict[str, bytes] | None = None, *, version: str = "1.0.0", api: Api | None = None
    ) -> Pushed:
        """Announce, send and finish; the validation is still to come."""
        files, api = files or self.files(), api or self.author
        upload = announce(api, name, files, version=version).json()
        send(api, upload, files)
        finished = finish(api, upload, files)
        assert finished.status_code == 202, finished.text
        body = finished.json()
        return Pushed(name, version, body["revision"]["commit_id"], body["job"]["id"], files)

    def try_push(self, name: str, files: dict[str, bytes] | None = None, *, api: Api) -> httpx.Response:
        """The same, up to the first answer that is not a good one, which is returned; else the last."""
        files = files or self.files()
        answer: httpx.Response = announce(api, name, files, version="1.0.0")
        if answer.status_code != 201:
            return answer
        upload = answer.json()
        for part, content in parts_of(upload, files):
            answer = send_part(api, part, content)
            if not answer.is_success:
                return answer
        answer = finish(api, upload, files)
        return answer

    def push_many(self, count: int, stem: str, namespace: str = "free") -> list[Pushed]:
        """As many adapters, each new, four at a time, spread over the web processes."""

        def one(number: int) -> Pushed:
            api = self.api(self.author, self.hub.webs[number % 2].url)
            return self.push(self.fresh_name(stem, namespace), api=api)

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(one, range(count)))

    def _sign_in(self, name: str) -> Api:
        body = {"name": "tests", "scopes": ["read", "write", "review"]}
        made = Api(self.url)("POST", "/tokens", json=body, auth=(name, PASSWORD), expect=201)
        return Api(self.url, made["token"])


def announce(api: Api, name: str, files: dict[str, bytes], *, version: str) -> Any:
    """Open an upload."""
    listed = [{"path": path, "size_bytes": len(content)} for path, content in files.items()]
    return api("POST", "/uploads", json={"adapter": name, "files": listed, "version": version, "base": BASE})


def parts_of(upload: dict[str, Any], files: dict[str, bytes]) -> Iterable[tuple[dict[str, Any], bytes]]:
    """Every part that has not arrived, and its bytes."""
    for file in upload["files"]:
        for part in file["parts"]:
            if not part["is_received"]:
                yield part, files[file["path"]][part["offset"] : part["offset"] + part["size_bytes"]]


def send(api: Api, upload: dict[str, Any], files: dict[str, bytes]) -> None:
    """Send every part that has not arrived."""
    for part, content in parts_of(upload, files):
        answer = send_part(api, part, content)
        assert answer.is_success, f"{answer.status_code} {answer.text}"


def send_part(api: Api, part: dict[str, Any], content: bytes) -> httpx.Response:
    """PUT one part, to the hub or, without the token, to the store."""
    if "X-Amz-Signature" in part["url"]:
        return httpx.put(part["url"], content=content, timeout=60)
    return api.client.put(part["url"], content=content, headers={"Content-Type": "application/octet-stream"})


def finish(api: Api, upload: dict[str, Any], files: dict[str, bytes]) -> Any:
    """Finish with the right digests."""
    listed = [{"path": path, "sha256": digest(content)} for path, content in files.items()]
    return api("POST", f"/uploads/{upload['id']}/finish", json={"files": listed})


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
