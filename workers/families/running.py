"""Children of the jobs about families: run under the usual limits, told of in the job's progress."""

from collections.abc import Callable
from typing import Any

from django.conf import settings

from workers.children import Beat, run_in_child


def run(
    function: str,
    argument: dict[str, Any],
    beat: Beat,
    *,
    on_device: bool,
    progress: Callable[[float, str], tuple[float, str]],
) -> dict[str, Any]:
    """Call ``function`` in a child. ``progress`` turns the child's share and note into those of the whole job.

    Raises ChildFailed, and whatever ``beat`` raises.
    """

    def on_tick(share: float | None, note: str) -> bool:
        beat(*(progress(share, note) if share is not None else (None, "")))
        return True

    return run_in_child(
        function,
        {**argument, "device": "any" if on_device else "cpu", "threads": settings.HUB_EVALUATION_THREADS},
        memory_bytes=settings.HUB_DEVICE_CHILD_MEMORY_BYTES if on_device else settings.HUB_CHILD_MEMORY_BYTES,
        seconds=settings.HUB_FIT_SECONDS,
        on_tick=on_tick,
        is_memory_watched=on_device,
        file_bytes=settings.HUB_CHILD_FILE_BYTES,
    )
