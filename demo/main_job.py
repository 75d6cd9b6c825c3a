"""The main job on any hub: train what is not trained yet, take every adapter through the hub and compare."""

import shutil
import time
from pathlib import Path
from typing import Any

from demo import family, walk
from demo.console import Screen
from demo.hub_process import AnyHub
from demo.people import REVIEWER, People
from demo.tasks import ORGANIZATION, TASKS, Task, hurried
from demo.train_all import train_all
from demo.trained import TrainedAdapter, TrainedStore, settings_digest


class MainJob:
    """Everything that `make demo` and `make cluster` show, with its training results in a folder below ``root``."""

    def __init__(self, root: Path, screen: Screen) -> None:
        tasks = (*TASKS, hurried(TASKS[0]))
        self.room = root.resolve() / settings_digest(tasks)
        self.screen = screen
        self._tasks: tuple[Task, ...] = tasks
        self._store = TrainedStore(self.room / "trained")
        self._trained: dict[str, TrainedAdapter] = {}
        self._started = time.monotonic()
        walk.restore(self._store.folder)

    def train(self) -> None:
        """Train what no earlier run has trained. Raises TrainingFailedError."""
        self.screen.say(f"1. Train {len(TASKS)} adapters on Django's own translations ({self._store.folder})")
        self._trained = train_all(self._tasks, self._store, self.screen)

    def walk(self, hub: AnyHub, people: People) -> None:
        """Push, review, publish, search, pull and stitch; print the table. Raises DemoFailedError on any difference."""
        state = walk.prepare_people(hub, people)
        self.screen.say(f"  organisation {ORGANIZATION}, three people, base model {walk.BASE_MODEL_ID} {state}")
        self.screen.say("3. Push, validate, review, publish")
        walk.publish_all(hub, people, TASKS, self._store, self.screen)
        self._reject_weak_revision(hub, people)
        self.screen.say(f"4. Search: a visitor finds {walk.search_all(hub, TASKS)} adapters")
        members = family.members_of(TASKS)
        self.screen.say(f"5. Compress {len(members)} of them into the family {family.FAMILY}")
        basis = family.compress(hub, people, members)
        self.screen.say("6. Pull and stitch in a new process, with the training folders moved away")
        stitched: dict[str, Any] = {}
        compressed: dict[str, Any] = {}
        files = self._copy_held_out(self.room / "held-out")
        with walk.moved_away(self._store.folder):
            for line in walk.stitch_all(hub, people[REVIEWER].token, TASKS, files, members):
                name = line["name"].partition("/")[2].partition("@")[0]
                (compressed if "pulled_bytes" in line else stitched)[name] = line
                if "pulled_bytes" not in line:
                    self.screen.say(f"  {line['name']}: accuracy {line['accuracy']:.3f}")
        rows = walk.compare({task.name: self._trained[task.name] for task in TASKS}, stitched)
        self.screen.table(rows)
        different = [row.name for row in rows if not row.is_same]
        if different:
            raise walk.DemoFailedError(f"After pull and stitch these differ from training: {', '.join(different)}.")
        self.screen.say("Every adapter came back bit for bit. Compressed, at a cost:")
        family.show(self.screen, basis, compressed, self._trained)
        self.screen.say(f"{time.monotonic() - self._started:.0f} s in all.")

    def _reject_weak_revision(self, hub: AnyHub, people: People) -> None:
        """A reviewer refuses a version of the first adapter that was trained in a hurry, for what was measured."""
        task = TASKS[0]
        weak = hurried(task)
        one, published = self._store.load(weak), self._store.load(task)
        if one is None or published is None:
            raise walk.DemoFailedError(f"{weak.name} is not trained.")
        reason = (
            f"Held-out accuracy {one.accuracy:.3f}: below the {published.accuracy:.3f} of {walk.VERSION} "
            f"and below the {published.head_accuracy:.3f} of a head alone."
        )
        held_reason = walk.reject_hurried(hub, people, weak, self._store.adapter_folder(weak), task.name, reason)
        self.screen.say(f"  {ORGANIZATION}/{task.name}@{walk.HURRIED_VERSION}: valid, rejected: {held_reason}")

    def _copy_held_out(self, folder: Path) -> dict[str, Path]:
        """The held-out texts outside the training folders, which are about to be moved away."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {task.name: folder / f"{task.name}.json" for task in TASKS}
        for task in TASKS:
            shutil.copyfile(self._store.held_out_file(task), files[task.name])
        return files
