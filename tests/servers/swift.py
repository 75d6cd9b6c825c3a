"""A real S3 server for tests: OpenStack Swift with its S3 interface, four processes on free ports of this machine."""

import getpass
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.servers.ports import free_port, is_listening

BUCKET = "adapters"
REGION = "us-east-1"
ACCESS_KEY = "hub:admin"
_BIN = Path(sys.executable).parent
_RINGS = ("account", "container", "object")
_START_SECONDS = 60
# One process for all three rings: `swift-ring-builder` would take nine.
_BUILD_RINGS = """
import json, sys
from swift.common.ring import RingBuilder
ports = json.loads(sys.argv[1])
for name in ("account", "container", "object"):
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": ports[name], "device": "d1"}
    builder.add_dev(device | {"replication_ip": "127.0.0.1", "replication_port": ports[name], "meta": ""})
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")
"""
_PIPELINE = "catch_errors gatekeeper listing_formats s3api tempauth copy slo dlo versioned_writes symlink"


class SwiftServer:
    """One node, one disk, one replica; it checks signatures, checksums and minimum sizes of parts as AWS does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret_key = secrets.token_hex(16)
        self._ports = {name: free_port() for name in (*_RINGS, "proxy")}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint(self) -> str:
        """Where S3 answers."""
        return f"http://127.0.0.1:{self._ports['proxy']}"

    @property
    def environment(self) -> dict[str, str]:
        """The credentials, as a process of the hub finds them."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def url(self, prefix: str = "", *, endpoint: str = "") -> str:
        """A HUB_STORAGE_URL of this server, or of a proxy before it."""
        query = {"endpoint": endpoint or self.endpoint, "region": REGION} | ({"prefix": prefix} if prefix else {})
        return f"s3://{BUCKET}?{urlencode(query, safe=':/')}"

    @cached_property
    def client(self) -> Any:
        """A bare S3 client, for looking behind the hub's back."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.secret_key,
        )

    def keys(self, prefix: str = "") -> list[str]:
        """The names of every object below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def empty(self, prefix: str) -> None:
        """Delete every object below a prefix."""
        for key in self.keys(prefix):
            self.client.delete_object(Bucket=BUCKET, Key=key)

    def unfinished(self, prefix: str = "") -> list[str]:
        """The names under which a multipart upload was begun and neither completed nor aborted."""
        answer = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Uploads", [])]

    def start(self) -> "SwiftServer":
        """Write the configuration, start the four servers, wait for them and make the bucket."""
        self._write_configuration()
        subprocess.run([sys.executable, "-c", _BUILD_RINGS, json.dumps(self._ports)], cwd=self.folder, check=True)
        for name in (*_RINGS, "proxy"):
            log = (self.folder / f"{name}.log").open("wb")
            command = [str(_BIN / f"swift-{name}-server"), str(self.folder / f"{name}.conf"), "-v"]
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            log.close()
        self._wait()
        self.client.create_bucket(Bucket=BUCKET)
        return self

    def stop(self) -> None:
        """End all four: each leaves its process group, so that each must be told."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not all(is_listening(port) for port in self._ports.values()):
            ended = [process.args for process in self._processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                self.stop()
                logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))
                raise AssertionError(f"Swift did not start ({ended or 'too slow'}):\n{logs}")
            time.sleep(0.05)

    def _write_configuration(self) -> None:
        (self.folder / "devices" / "d1").mkdir(parents=True)
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = tests\nswift_hash_path_suffix = tests\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        for name in _RINGS:
            # Listings are right at once where the object server waits for the container server.
            patient = "container_update_timeout = 20\n" if name == "object" else ""
            self._write(
                name,
                f"devices = {self.folder / 'devices'}\nmount_check = false\nfallocate_reserve = 0\n{patient}",
                f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n",
            )
        own = {"s3api": f"location = {REGION}\n", "tempauth": f"user_hub_admin = {self.secret_key} .admin\n"}
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{own.get(name, '')}" for name in _PIPELINE.split())
        self._write(
            "proxy",
            "",
            f"[pipeline:main]\npipeline = {_PIPELINE} proxy-server\n"
            f"[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nnode_timeout = 30\n{filters}",
        )

    def _write(self, name: str, extra: str, sections: str) -> None:
        (self.folder / f"{name}.conf").write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self._ports[name]}\nworkers = 0\n"
            f"user = {getpass.getuser()}\nswift_dir = {self.folder}\n{extra}{sections}"
        )


def why_not(folder: Path) -> str:
    """Why Swift cannot run here, or an empty string."""
    if not (_BIN / "swift-proxy-server").exists():
        return "needs OpenStack Swift: pip install -r requirements/dev.txt (or pip install swift)"
    probe = folder / "probe"
    probe.touch()
    with suppress(OSError):
        os.setxattr(probe, "user.swift", b"1")
        return ""
    return (
        f"needs extended attributes on the filesystem of {tempfile.gettempdir()}: set TMPDIR to a folder on ext4 or xfs"
    )


@pytest.fixture(scope="session")
def swift() -> Iterator[SwiftServer]:
    """One S3 server for the whole session, with an empty bucket; tests keep apart by prefixes."""
    folder = Path(tempfile.mkdtemp(prefix="swift-"))
    try:
        if reason := why_not(folder):
            pytest.skip(reason)
        server = SwiftServer(folder)
        try:
            yield server.start()
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
