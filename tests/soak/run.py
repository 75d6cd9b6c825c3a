"""The soak: a crowd at a hub that collects garbage every two seconds. Nothing may be missing, nobody may fail."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.soak.people import Crowd
from tests.soak.world import World

_EMPTY_SECONDS = 60


@dataclass(frozen=True)
class Soaked:
    """How it ended."""

    done: dict[str, int]
    failures: list[str]
    collections: int
    deleted: int
    findings: list[dict[str, object]]
    left: int
    """Blobs that were still there long after nobody held any."""

    def report(self) -> str:
        """Some lines for a person."""
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
        lines = [f"done: {counts}", f"collections that deleted: {self.collections}, blobs deleted: {self.deleted}"]
        lines += [f"client failures: {len(self.failures)}", f"findings of fsck: {len(self.findings)}"]
        lines += [f"blobs left in the end: {self.left}", *self.failures[:5], *map(str, self.findings[:5])]
        return "\n".join(lines)

    @property
    def is_good(self) -> bool:
        """Nobody failed, nothing is missing or left over, and there was something to collect."""
        return not self.failures and not self.findings and not self.left and self.deleted > 0


def soak(world: World, folder: Path, *, seconds: float) -> Soaked:
    """Let the crowd loose for ``seconds``, then look at everything."""
    with Crowd(world, folder) as crowd:
        time.sleep(seconds)
    failures = list(crowd.failures)
    try:
        crowd.pull_all()
    except Exception as error:
        failures.append(f"a living adapter cannot be pulled: {error!r}")
    findings = fsck(world)
    crowd.delete_all()
    left = _left_when_nobody_holds_any(world)
    lines = re.findall(r"garbage collection: .*?'deleted': (\d+)", world.hub.log())
    deleted = [int(number) for number in lines if number != "0"]
    return Soaked(dict(crowd.done), failures, len(deleted), sum(deleted), findings, left)


def fsck(world: World) -> list[dict[str, object]]:
    """What ``manage.py fsck --hash`` finds."""
    try:
        answer = world.hub.manage("fsck", "--hash", "--json")
    except subprocess.CalledProcessError as error:
        answer = error.output
    findings: list[dict[str, object]] = json.loads(answer.splitlines()[-1])["findings"]
    return findings


def _left_when_nobody_holds_any(world: World) -> int:
    deadline = time.monotonic() + _EMPTY_SECONDS
    while True:
        answer = world.hub.manage("collect_garbage", "--json")
        preview = json.loads(world.hub.manage("shell", "-v0", "-c", _COUNT).splitlines()[-1])
        if not preview or time.monotonic() > deadline:
            assert not json.loads(answer.splitlines()[-1])["waiting_for"]
            return int(preview)
        time.sleep(1)


_COUNT = "from catalog.store import blob_store; print(sum(1 for _ in blob_store().digests()))"
