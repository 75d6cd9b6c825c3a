"""The job ``remove``: bytes of what was withdrawn for good are deleted, and a receipt is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.jobs.models import Job
from catalog.removals.removing import abandon_removal, record_removed, remove_bytes, revive_removal
from workers.children import Beat


class Remove:
    """Nothing is computed: the supervisor deletes, and can be killed and run again at any point."""

    function = ""
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        yield remove_bytes(job, beat)

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        return record_removed(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_removal(job, error)

    def revive(self, job: Job) -> None:
        revive_removal(job)
