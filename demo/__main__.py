"""`python -m demo [--once] [--port 8000] [--root var/demo]`: what `make demo` runs."""

import argparse
import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import httpx

from demo import walk
from demo.console import Screen
from demo.hub_process import REPOSITORY, HubNotRunningError, HubProcess
from demo.people import ADMINISTRATOR, REVIEWER, People
from demo.reviewing import DashboardError
from demo.tasks import ORGANIZATION, TASKS, hurried
from demo.train_all import TrainingFailedError, train_all
from demo.trained import TrainedStore, settings_digest
from hubclient.errors import HubError

FAILED, INTERRUPTED = 1, 130
EXPECTED_ERRORS = (
    walk.DemoFailedError,
    TrainingFailedError,
    HubNotRunningError,
    DashboardError,
    HubError,
    httpx.HTTPError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the main job and keep serving; the exit status is 0 only if every figure came back bit for bit."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Adapter Hub's main job, for real.")
    parser.add_argument("--once", action="store_true", help="exit after the table instead of serving on")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--root", type=Path, default=REPOSITORY / "var" / "demo", help="where results are kept")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    try:
        return run(options.root.resolve(), options.port, is_once=options.once, screen=screen)
    except KeyboardInterrupt:
        screen.say("Stopped.")
        return INTERRUPTED
    except EXPECTED_ERRORS as error:
        screen.say(f"The demonstration failed: {error}")
        return FAILED


def run(root: Path, port: int, *, is_once: bool, screen: Screen) -> int:
    """Train what is not trained yet, start the hub, take every adapter through it and compare."""
    started = time.monotonic()
    tasks = (*TASKS, hurried(TASKS[0]))
    room = root / settings_digest(tasks)
    store, held_out = TrainedStore(room / "trained"), room / "held-out"
    walk.restore(store.folder)
    hub = HubProcess(room / "hub", port)
    hub.require_free_port()
    screen.say(f"1. Train {len(TASKS)} adapters on Django's own translations ({store.folder})")
    trained = train_all(tasks, store, screen)
    screen.say(f"2. Start the hub on http://127.0.0.1:{port}")
    with hub:
        people = People(room / "people.json")
        state = walk.prepare_people(hub, people)
        screen.say(f"  organisation {ORGANIZATION}, three people, base model {walk.BASE_MODEL_ID} {state}")
        screen.say("3. Push, validate, review, publish")
        walk.publish_all(hub, people, TASKS, store, screen)
        _reject_weak_revision(hub, people, store, screen)
        screen.say(f"4. Search: a visitor finds {walk.search_all(hub, TASKS)} adapters")
        screen.say("5. Pull and stitch in a new process, with the training folders moved away")
        stitched = {}
        files = _copy_held_out(store, held_out)
        with walk.moved_away(store.folder):
            for line in walk.stitch_all(hub, people[REVIEWER].token, TASKS, files):
                stitched[line["name"].partition("/")[2].partition("@")[0]] = line
                screen.say(f"  {line['name']}: accuracy {line['accuracy']:.3f}")
        rows = walk.compare({task.name: trained[task.name] for task in TASKS}, stitched)
        screen.table(rows)
        different = [row.name for row in rows if not row.is_same]
        if different:
            raise walk.DemoFailedError(f"After pull and stitch these differ from training: {', '.join(different)}.")
        screen.say(f"Every adapter came back bit for bit. {time.monotonic() - started:.0f} s in all.")
        if not is_once:
            _serve_on(hub, people, room / "people.json", screen)
    return 0


def _reject_weak_revision(hub: HubProcess, people: People, store: TrainedStore, screen: Screen) -> None:
    """A reviewer refuses a version of the first adapter that was trained in a hurry, for what was measured."""
    task = TASKS[0]
    weak = hurried(task)
    one, published = store.load(weak), store.load(task)
    if one is None or published is None:
        raise walk.DemoFailedError(f"{weak.name} is not trained.")
    reason = (
        f"Held-out accuracy {one.accuracy:.3f}: below the {published.accuracy:.3f} of {walk.VERSION} "
        f"and below the {published.head_accuracy:.3f} of a head alone."
    )
    held_reason = walk.reject_hurried(hub, people, weak, store.adapter_folder(weak), task.name, reason)
    screen.say(f"  {ORGANIZATION}/{task.name}@{walk.HURRIED_VERSION}: valid, rejected: {held_reason}")


def _copy_held_out(store: TrainedStore, folder: Path) -> dict[str, Path]:
    """The held-out texts outside the training folders, which are about to be moved away."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {task.name: folder / f"{task.name}.json" for task in TASKS}
    for task in TASKS:
        shutil.copyfile(store.held_out_file(task), files[task.name])
    return files


def _serve_on(hub: HubProcess, people: People, people_file: Path, screen: Screen) -> None:
    """Serve until Ctrl-C."""
    screen.say(f"Serving on {hub.url} (Ctrl-C stops).")
    screen.say(f"Log in as {people[ADMINISTRATOR].username}; the passwords are in {people_file}")
    with contextlib.suppress(KeyboardInterrupt):
        hub.wait()
    screen.say("Stopped.")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
