"""`python -m cluster [--keep] [--port 0] [--root var/cluster]`: what `make cluster` runs."""

import argparse
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cluster.binaries import MissingProgramError
from cluster.process import REPOSITORY, ServerFailedError
from cluster.topology import Cluster, why_not_here
from demo.__main__ import EXPECTED_ERRORS, FAILED, INTERRUPTED
from demo.console import Screen
from demo.hub_process import RunningHub
from demo.main_job import MainJob
from demo.people import ADMINISTRATOR, People

# Only a folder that this file marks is ever emptied.
MARK = "made-by-make-cluster"


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the topology, walk through it and stop it; the exit status is 0 only if nothing differed."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description="The production topology on this machine.")
    parser.add_argument("--keep", action="store_true", help="run until Ctrl-C instead of stopping after the table")
    parser.add_argument("--port", type=int, default=0, help="the port of nginx (default: a free one)")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "var" / "cluster", help="where all data and logs are")
    parser.add_argument("--demo-root", type=Path, default=REPOSITORY / "var" / "demo", help="training results")
    parser.add_argument("--no-walk", action="store_true", help="only start the hub, with an administrator")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    screen = Screen()
    try:
        folder = fresh_folder(options.root.resolve())
        if reason := why_not_here(folder):
            raise MissingProgramError(reason)
        job = None if options.no_walk else MainJob(options.demo_root, screen)
        if job:
            job.train()
        return run(Cluster(folder, port=options.port, say=screen.say), job, screen, is_kept=options.keep)
    except KeyboardInterrupt:
        screen.say("Interrupted; every process has been stopped.")
        return INTERRUPTED
    except (MissingProgramError, ServerFailedError, *EXPECTED_ERRORS) as error:
        screen.say(f"The cluster failed: {error}")
        return FAILED


def run(cluster: Cluster, job: MainJob | None, screen: Screen, *, is_kept: bool) -> int:
    """Start, walk, stay if told so, stop. Whatever happens, no process is left."""
    screen.say(f"2. Start PostgreSQL, Redis, Swift, {len(cluster.processes)} processes of the hub ({cluster.folder})")
    try:
        cluster.start()
        people = People(cluster.folder / "people.json")
        people.keep(**cluster.bootstrap(ADMINISTRATOR))
        if job:
            job.walk(RunningHub(cluster.url, people[ADMINISTRATOR].token), people)
        if is_kept:
            _serve_on(cluster, people, screen)
    except (*EXPECTED_ERRORS, ServerFailedError):
        if words := cluster.last_words():
            screen.say(words)
        raise
    finally:
        # A second Ctrl-C must not leave half of them running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        screen.say("Stop everything, the proxy first and the database last")
        cluster.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    screen.say(f"Stopped. The logs stay in {cluster.folder}.")
    return 0


def fresh_folder(folder: Path) -> Path:
    """An empty folder; what an earlier run left is deleted. Raises ServerFailedError where something else is in it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise ServerFailedError(f"{folder} holds something else; name an empty folder with --root.")
        _require_nobody(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / MARK).write_text(f"{os.getpid()} {secrets.token_hex(4)}\n")
    return folder


def _require_nobody(folder: Path) -> None:
    """End what a killed run left; refuse to touch the folder of one that still runs."""
    from cluster.process import end_leftovers, is_alive

    owner = int((folder / MARK).read_text().split()[0])
    if is_alive(owner, "cluster") and owner != os.getpid():
        raise ServerFailedError(f"Another `make cluster` (process {owner}) uses {folder}; stop it first.")
    end_leftovers(folder)


def _serve_on(cluster: Cluster, people: People, screen: Screen) -> None:
    """Say where everything is, and wait for Ctrl-C."""
    screen.say("")
    screen.say(f"The hub:    {cluster.url} (Ctrl-C stops everything)")
    screen.say(f"Log in:     as {people[ADMINISTRATOR].username}; names, passwords and tokens are in {people.file}")
    screen.say(f"Web:        {', '.join(web.url for web in cluster.webs)} (behind the proxy; figures at /metrics)")
    screen.say(f"S3:         {cluster.swift.endpoint}")
    screen.say(f"Logs:       {cluster.folder}/<name>/*.log: {', '.join(member.name for member in cluster.members)}")
    ended: set[str] = set()
    try:
        while True:
            time.sleep(1)
            for process in cluster.processes:
                if process.has_ended() and process.name not in ended:
                    ended.add(process.name)
                    screen.say(process.last_words(f"{process.name} has ended.", lines=5))
    except KeyboardInterrupt:
        screen.say("")


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
