"""A small server that speaks the upload, job, resolve and file parts of docs/API-DESIGN.md, and can be made to fail."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40
PART_BYTES = 1000


@dataclass
class SmallHub:
    """What the server holds, what it was asked, and what it is told to do wrong."""

    url: str = ""
    token: str = "hub_right"
    sizes: dict[str, int] = field(default_factory=dict)
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    uploads_opened: int = 0
    state: str = "none"
    revision_state: str = "pending"
    report: dict[str, Any] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    promised: dict[str, str] = field(default_factory=dict)
    file_origin: str = ""
    part_origin: str = ""
    receive_error: str | None = None
    is_receiving: bool = False
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    fail_once: dict[str, list[int]] = field(default_factory=dict)
    mistakes: dict[str, dict[str, str]] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)

    def asked(self, method: str, pattern: str) -> list[tuple[str, str, str | None, str | None]]:
        """Return the requests of that method whose path fits the pattern, in order."""
        return [each for each in self.requests if each[0] == method and re.search(pattern, each[1])]

    def upload(self) -> dict[str, Any]:
        """Return the upload as the contract shows it."""
        return {
            "id": "u1", "state": self.state, "part_size_bytes": PART_BYTES,
            "files": [
                {"path": path, "size_bytes": size, "parts": self._parts(path, size)}
                for path, size in self.sizes.items()
            ],
        }  # fmt: skip

    def _parts(self, path: str, size: int) -> list[dict[str, Any]]:
        return [
            {
                "number": number, "offset": offset, "size_bytes": min(PART_BYTES, size - offset), "method": "PUT",
                "url": f"{self.part_origin or self.url}/parts/{path}/{number}",
                "is_received": (path, number) in self.parts,
            }
            for number, offset in enumerate(range(0, size, PART_BYTES), start=1)
        ]  # fmt: skip

    def content(self, path: str) -> bytes:
        """Return the bytes of all parts of a file, in order."""
        return b"".join(self.parts[key] for key in sorted(self.parts) if key[0] == path)

    def revision(self) -> dict[str, Any]:
        """Return the revision as the contract shows it."""
        files = [
            {"path": path, "size_bytes": size, "sha256": hashlib.sha256(self.content(path)).hexdigest()}
            for path, size in self.sizes.items()
        ]
        return {"commit_id": COMMIT, "version": "0.1.0", "state": self.revision_state, "files": files, "job": "j1",
                "report": self.report, "size_bytes": sum(self.sizes.values())}  # fmt: skip

    def receive_job(self) -> dict[str, Any]:
        """Return the job that hashes what went past the hub; it ends when it is first asked for."""
        job = {"id": "j0", "kind": "receive_upload", "progress": 1.0}
        if self.receive_error:
            self.state = "open"
            self.parts.clear()
            return job | {"state": "failed", "error": {"code": self.receive_error, "detail": "Other bytes."}}
        self.state = "committed"
        return job | {"state": "succeeded", "result": {"commit_id": COMMIT, "job": "j1"}}

    def plan(self) -> dict[str, Any]:
        """Return the answer of /resolve."""
        files = [
            {
                "path": path, "size_bytes": len(content), "url": f"{self.file_origin or self.url}/blob/{index}",
                "sha256": self.promised.get(path) or hashlib.sha256(content).hexdigest(),
            }
            for index, (path, content) in enumerate(self.blobs.items())
        ]  # fmt: skip
        return {"adapter": "team/one", "version": "0.1.0", "commit_id": COMMIT, "method": "lora", "base_model": None,
                "files": files, "size_bytes": sum(map(len, self.blobs.values())), "warnings": []}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """Routes one request."""

    hub: SmallHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def handle_any(self) -> None:
        """Read, record, then fail as told or answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.removeprefix("/api/v1")
        self.hub.requests.append((self.command, path, self.headers.get("Authorization"), self.headers.get("Range")))
        failures = self.hub.fail_once.get(f"{self.command} {path}")
        if failures:
            self.answer(failures.pop(0), b"gateway")
        elif path.startswith("/parts/"):
            self.part(path, body)
        elif path.startswith("/blob/"):
            self.blob(list(self.hub.blobs.values())[int(path.rsplit("/", 1)[1])])
        else:
            self.api(f"{self.command} {path}", json.loads(body or b"null"))

    do_GET = do_PUT = do_POST = handle_any  # noqa: N815 - the names that http.server calls

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        """Send one answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def json(self, status: int, value: Any) -> None:
        """Send one JSON answer."""
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json")

    def part(self, path: str, body: bytes) -> None:
        """Take the bytes of a part."""
        _, _, name, number = path.split("/")
        self.hub.parts[name, int(number)] = body
        self.json(200, {"number": int(number), "size_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})

    def blob(self, content: bytes) -> None:
        """Send a file, from where Range says, and break the connection where told."""
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = content[start:]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.hub.cut_after:
            self.wfile.write(rest[: self.hub.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(rest)

    def api(self, asked: str, body: Any) -> None:
        """Answer the JSON part of the contract."""
        hub = self.hub
        if self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.json(401, {"code": "token_invalid", "detail": "The token is not known.", "hint": "hubclient login"})
        elif asked in hub.mistakes:
            self.json(500, hub.mistakes[asked])
        elif asked == "GET /whoami":
            token = {"name": "t", "scopes": ["read"], "expires_at": None}
            self.json(200, {"username": "owner", "is_staff": False, "namespaces": [], "token": token})
        elif asked == "POST /uploads":
            hub.uploads_opened += 1
            hub.sizes = {entry["path"]: entry["size_bytes"] for entry in body["files"]}
            hub.parts.clear()
            hub.state = "open"
            self.json(201, hub.upload())
        elif asked == "GET /uploads/u1":
            self.json(200, hub.upload())
        elif asked == "POST /uploads/u1/finish":
            self.finish_upload(body)
        elif asked == "GET /jobs/j0":
            self.json(200, hub.receive_job())
        elif asked == "GET /jobs/j1":
            self.json(200, {"id": "j1", "kind": "validate", "state": "succeeded", "progress": 1.0})
        elif asked == f"GET /adapters/team/one/revisions/{COMMIT}":
            self.json(200, hub.revision())
        elif asked.startswith("GET /adapters?"):
            entry = {"full_name": "team/one", "version": "0.1.0", "base_model": {"id": "gpt2", "revision": "main"},
                     "method": "lora", "rank": 8, "task": "ner", "summary": "one\ttab\x1b[2J"}  # fmt: skip
            self.json(200, {"results": [entry], "next_cursor": None, "count": 1, "is_count_exact": True})
        elif asked == "POST /resolve":
            self.json(200, hub.plan())
        else:
            self.json(404, {"code": "not_found", "detail": f"{asked} is not here."})

    def finish_upload(self, body: Any) -> None:
        """Compare digests, drop what differs, else commit."""
        for entry in body["files"]:
            if hashlib.sha256(self.hub.content(entry["path"])).hexdigest() != entry["sha256"]:
                for key in [key for key in self.hub.parts if key[0] == entry["path"]]:
                    del self.hub.parts[key]
                self.json(422, {"code": "digest_mismatch", "detail": "Other bytes arrived.", "field": entry["path"]})
                return
        if self.hub.is_receiving:
            self.hub.state = "receiving"
            self.json(202, {"id": "u1", "state": "receiving", "revision": None, "job": {"id": "j0", "state": "queued"}})
            return
        self.hub.state = "committed"
        revision = self.hub.revision() | {"state": "validating"}
        self.json(202, {"id": "u1", "state": "committed", "revision": revision, "job": {"id": "j1", "state": "queued"}})


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that went away, as they do when they are killed."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report anything but a broken connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(hub: SmallHub) -> ThreadingHTTPServer:
    """Start a server for `hub` on a free port."""
    server = QuietServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server
