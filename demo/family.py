"""The family step: plain LoRAs of the demonstration on one basis, and what its coefficients cost and save."""

from collections.abc import Mapping, Sequence
from typing import Any

from demo.console import Screen
from demo.hub_process import AnyHub
from demo.people import PUSHER, People
from demo.tasks import BASE_MODEL_ID, ORGANIZATION, Task
from demo.trained import TrainedAdapter
from hubclient import Hub
from hubclient.errors import NotFoundError

FAMILY = f"{ORGANIZATION}/langid"
# Most of each update's energy, in eight bits a value: what that costs in accuracy is printed.
OPTIONS: dict[str, Any] = {"method": "jd_full", "error": 0.1, "dtype": "int8", "coefficients": "int8", "heads": "int8"}


def members_of(tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose adapters can share a basis: DoRA's magnitudes are no low-rank update."""
    return [task for task in tasks if not task.shape.use_dora and task.is_language_task]


def compress(hub: AnyHub, people: People, tasks: Sequence[Task]) -> dict[str, Any]:
    """The family's current basis; made now where there is none. Raises JobFailedError."""
    with Hub(hub.url, people[PUSHER].token) as api:
        try:
            return api.basis(FAMILY)
        except NotFoundError:
            pass
        names = [f"{ORGANIZATION}/{task.name}" for task in tasks]
        try:
            api.family(FAMILY)
        except NotFoundError:
            api.create_family(FAMILY, base_model=BASE_MODEL_ID, adapters=names, summary="Tells languages apart.")
        return api.compress(FAMILY, **OPTIONS)


def show(
    screen: Screen,
    basis: Mapping[str, Any],
    lines: Mapping[str, Mapping[str, Any]],
    trained: Mapping[str, TrainedAdapter],
) -> None:
    """A line for each member, accuracy before and after and the bytes, and the sum."""
    for name, line in lines.items():
        screen.say(
            f"  {line['name']}: accuracy {trained[name].accuracy:.3f} -> {line['accuracy']:.3f}, "
            f"{line['pulled_bytes'] / 1000:.0f} kB instead of {line['original_bytes'] / 1000:.0f} kB"
        )
    pulled = sum(line["pulled_bytes"] for line in lines.values()) + basis["size_bytes"]
    original = sum(line["original_bytes"] for line in lines.values())
    screen.say(
        f"  with the basis of {basis['size_bytes'] / 1000:.0f} kB, pulled once: {pulled / 1e6:.2f} MB instead of "
        f"{original / 1e6:.2f} MB, {original / pulled:.1f} times less"
    )
