"""A real S3 server: OpenStack Swift with its S3 interface, four processes on free ports of this machine."""

import getpass
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from cluster.binaries import find_script
from cluster.ports import free_port, is_listening
from cluster.process import Server, run

BUCKET = "adapters"
REGION = "us-east-1"
ACCESS_KEY = "hub:admin"
_RINGS = ("account", "container", "object")
_PARTS = (*_RINGS, "proxy")
# One process for all three rings: `swift-ring-builder` would take nine.
_BUILD_RINGS = """
import json, os, sys
from swift.common.ring import RingBuilder
os.chdir(sys.argv[1])
ports = json.loads(sys.argv[2])
for name in ("account", "container", "object"):
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": ports[name], "device": "d1"}
    builder.add_dev(device | {"replication_ip": "127.0.0.1", "replication_port": ports[name], "meta": ""})
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")
"""
_PIPELINE = "catch_errors gatekeeper listing_formats s3api tempauth copy slo dlo versioned_writes symlink"


class _Part(Server):
    """One of Swift's four servers."""

    stop_seconds = 5.0

    def __init__(self, kind: str, folder: Path, port: int) -> None:
        super().__init__(kind, folder)
        self.port = port

    def command(self) -> Sequence[str]:
        """``swift-<kind>-server`` with its configuration."""
        program = find_script(f"swift-{self.name}-server", requirements="dev.txt")
        return [program, str(self.folder / f"{self.name}.conf"), "-v"]

    def is_ready(self) -> bool:
        """Whether it listens."""
        return is_listening(self.port)


class Swift:
    """One node, one disk, one replica; it checks signatures, checksums and minimum sizes of parts as AWS does.

    It has the verbs of ``cluster.process.Server`` and passes them on to its four processes.
    """

    name = "swift"

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder
        self.secret_key = secrets.token_hex(16)
        self.port = port or free_port()
        self.allowed_skew_seconds = 900
        """How far a request's time may be from the server's, as on AWS; set it before the first start."""
        self._ports = {name: free_port() for name in _RINGS} | {"proxy": self.port}
        self.parts = [_Part(name, folder, self._ports[name]) for name in _PARTS]

    @property
    def endpoint(self) -> str:
        """Where S3 answers."""
        return f"http://127.0.0.1:{self.port}"

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

    def start(self) -> Self:
        """Write the configuration, start the four servers, wait for them and make the bucket."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "swift.conf").exists():
            self._write_configuration()
            ports = json.dumps({name: self._ports[name] for name in _RINGS})
            run([sys.executable, "-c", _BUILD_RINGS, str(self.folder), ports], environment={})
        try:
            for part in self.parts:
                part.launch()
            for part in self.parts:
                part.wait_until_ready()
            self.client.create_bucket(Bucket=BUCKET)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> str:
        """End all four; how it went, in words."""
        return ", ".join(f"{part.name} {part.stop()}" for part in reversed(self.parts))

    def terminate(self) -> None:
        """Ask all four to end and return at once."""
        self._each(_Part.terminate)

    def kill(self) -> None:
        """SIGKILL all four."""
        self._each(_Part.kill)

    def pause(self) -> None:
        """SIGSTOP all four: connections are accepted by the kernel and nothing answers."""
        self._each(_Part.pause)

    def resume(self) -> None:
        """SIGCONT after ``pause``."""
        self._each(_Part.resume)

    def restart(self) -> Self:
        """Stop and start again on the same ports and data."""
        self.stop()
        return self.start()

    def is_running(self) -> bool:
        """Whether all four exist."""
        return all(part.is_running() for part in self.parts)

    def log(self) -> str:
        """Everything the four have written."""
        return "\n".join(part.log() for part in self.parts)

    def _each(self, verb: Callable[[_Part], None]) -> None:
        for part in self.parts:
            if part.is_running():
                verb(part)

    def _write_configuration(self) -> None:
        (self.folder / "devices" / "d1").mkdir(parents=True, exist_ok=True)
        for name in _RINGS:
            # Listings are right at once where the object server waits for the container server.
            patient = "container_update_timeout = 20\n" if name == "object" else ""
            self._write(
                name,
                f"devices = {self.folder / 'devices'}\nmount_check = false\nfallocate_reserve = 0\n{patient}",
                f"[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n",
            )
        own = {
            "s3api": f"location = {REGION}\nallowable_clock_skew = {self.allowed_skew_seconds}\n",
            "tempauth": f"user_hub_admin = {self.secret_key} .admin\n",
        }
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{own.get(name, '')}" for name in _PIPELINE.split())
        self._write(
            "proxy",
            "",
            f"[pipeline:main]\npipeline = {_PIPELINE} proxy-server\n"
            f"[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nnode_timeout = 30\n{filters}",
        )
        # Written last: it says that the others are there.
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = tests\nswift_hash_path_suffix = tests\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )

    def _write(self, name: str, extra: str, sections: str) -> None:
        path = self.folder / f"{name}.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self._ports[name]}\nworkers = 0\n"
            f"user = {getpass.getuser()}\nswift_dir = {self.folder}\n{extra}{sections}"
        )


def why_not(folder: Path) -> str:
    """Why Swift cannot run with its data in ``folder``, or an empty string."""
    if not (Path(sys.executable).parent / "swift-proxy-server").exists():
        return "needs OpenStack Swift: pip install -r requirements/dev.txt (or pip install swift)"
    with tempfile.NamedTemporaryFile(dir=folder) as probe, suppress(OSError):
        os.setxattr(probe.name, "user.swift", b"1")
        return ""
    return f"Swift needs extended attributes on the filesystem of {folder}: choose a folder on ext4 or xfs"
