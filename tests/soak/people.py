"""People who push, delete, push the same bytes again, reject and pull, all at once, and count every failure."""

import random
import shutil
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hubclient import Hub
from hubclient.errors import HubError, RejectedError
from tests.soak.world import World, write_adapter

_CONTENTS = 5
_LIVING = 8


class Crowd:
    """Threads that use the hub through its client until they are told to stop."""

    def __init__(self, world: World, folder: Path, *, seed: int = 1) -> None:
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._world = world
        self._folder = folder
        self._seed = seed
        self._contents = [write_adapter(folder / f"adapter-{n}", n) for n in range(_CONTENTS)]
        self._misfits = [write_adapter(folder / f"misfit-{n}", n, width=24) for n in range(_CONTENTS)]
        self._living: list[str] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Crowd":
        roles = [self._push_and_delete] * 3 + [self._be_refused, self._be_rejected] + [self._pull] * 2
        self._threads = [
            threading.Thread(target=self._until_stopped, args=(role, self._seed * 100 + n), name=f"{role.__name__}-{n}")
            for n, role in enumerate(roles)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def living(self) -> list[str]:
        """The adapters that nobody has deleted."""
        with self._lock:
            return list(self._living)

    def delete_all(self) -> None:
        """Nothing is left that anybody holds."""
        hub = self._hub(self._folder / "last")
        for name in self.living():
            hub.call("DELETE", f"/adapters/{name}")
        self._living.clear()
        hub.close()

    def pull_all(self) -> None:
        """Every living adapter, whole; the client compares each digest."""
        for name in self.living():
            self._pull_one(name)

    def _until_stopped(self, role: Callable[[Hub, random.Random, str], None], seed: int) -> None:
        chance, turn = random.Random(seed), 0
        hub = self._hub(self._folder / f"memory-{seed}")
        while not self._stopped.is_set():
            turn += 1
            try:
                role(hub, chance, f"{seed}-{turn}")
                self.done[role.__name__.strip("_")] += 1
            except Exception:
                self.failures.append(f"{time.strftime('%T')} {role.__name__} {seed}-{turn}: {traceback.format_exc()}")
        hub.close()

    def _push_and_delete(self, hub: Hub, chance: random.Random, turn: str) -> None:
        name = f"open/a-{turn}"
        hub.push(chance.choice(self._contents), name)
        with self._lock:
            self._living.append(name)
            doomed = self._living.pop(chance.randrange(_LIVING)) if len(self._living) > _LIVING else ""
        if doomed:
            hub.call("DELETE", f"/adapters/{doomed}")

    def _be_refused(self, hub: Hub, chance: random.Random, turn: str) -> None:
        try:
            hub.push(chance.choice(self._misfits), f"open/misfit-{turn}")
        except RejectedError:
            return
        raise AssertionError("an adapter that fits no base was accepted")

    def _be_rejected(self, hub: Hub, chance: random.Random, turn: str) -> None:
        name = f"strict/a-{turn}"
        pushed = hub.push(chance.choice(self._contents), name)
        hub.reject(f"{name}@{pushed.revision['commit_id']}", "not this one")

    def _pull(self, hub: Hub, chance: random.Random, turn: str) -> None:
        living = self.living()
        if not living:
            self._stopped.wait(0.1)
            return
        name = chance.choice(living)
        try:
            self._pull_one(name)
        except HubError:
            if name in self.living():
                raise

    def _pull_one(self, name: str) -> None:
        # With a cache of its own each time, so that every byte comes from the hub.
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            with self._hub(folder) as hub:
                hub.pull(name, folder / "pulled")
        finally:
            shutil.rmtree(folder)

    def _hub(self, cache: Path) -> Hub:
        return Hub(self._world.hub.url, self._world.admin.token, cache=cache)
