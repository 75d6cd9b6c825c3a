"""`python -m demo [--once] [--port 8000] [--root var/demo] [--hub URL]`: what `make demo` runs."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import httpx

from demo import walk
from demo.console import Screen
from demo.hub_process import REPOSITORY, HubNotRunningError, HubProcess, RunningHub
from demo.main_job import MainJob
from demo.people import ADMINISTRATOR, People
from demo.reviewing import DashboardError
from demo.train_all import TrainingFailedError
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
    parser.add_argument("--hub", metavar="URL", help="a hub that runs already; HUB_TOKEN is an administrator's token")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    try:
        job = MainJob(options.root, screen)
        if options.hub:
            return run_on(RunningHub(options.hub, os.environ.get("HUB_TOKEN", "")), job)
        return run(job, options.port, is_once=options.once)
    except KeyboardInterrupt:
        screen.say("Stopped.")
        return INTERRUPTED
    except EXPECTED_ERRORS as error:
        screen.say(f"The demonstration failed: {error}")
        return FAILED


def run(job: MainJob, port: int, *, is_once: bool) -> int:
    """Start a hub of its own, walk, and serve on until Ctrl-C."""
    hub = HubProcess(job.room / "hub", port)
    hub.require_free_port()
    job.train()
    job.screen.say(f"2. Start the hub on http://127.0.0.1:{port}")
    with hub:
        people = People(job.room / "people.json")
        job.walk(hub, people)
        if not is_once:
            _serve_on(hub, people, job.screen)
    return 0


def run_on(hub: RunningHub, job: MainJob) -> int:
    """Walk through a hub that somebody else started and goes on running."""
    hub.require_administrator()
    job.train()
    job.screen.say(f"2. The hub at {hub.url} runs already")
    job.walk(hub, People(job.room / f"people-at-{urlsplit(hub.url).netloc.replace(':', '-')}.json"))
    return 0


def _serve_on(hub: HubProcess, people: People, screen: Screen) -> None:
    """Serve until Ctrl-C."""
    screen.say(f"Serving on {hub.url} (Ctrl-C stops).")
    screen.say(f"Log in as {people[ADMINISTRATOR].username}; the passwords are in {people.file}")
    with contextlib.suppress(KeyboardInterrupt):
        hub.wait()
    screen.say("Stopped.")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
