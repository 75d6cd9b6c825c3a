"""The job ``compare_shapes``: which base models every adapter fits, as far as nobody compared them yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.fits.comparing import bases_behind, compare_base, request_comparison
from catalog.jobs.models import Job
from workers.children import Beat


class CompareShapes:
    """Compares names and shapes alone, no file's contents: without a child."""

    function = ""
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        compared, behind = 0, bases_behind()
        for place, base in enumerate(behind):
            beat(place / len(behind), f"comparing with {base}")
            compared += compare_base(base)
        yield {"bases": len(behind), "compared": compared}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        if bases_behind():  # more than one job's share, or something new meanwhile
            request_comparison()
        return outcome

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on it: the next one compares what is missing."""

    def revive(self, job: Job) -> None:
        """It looks for itself what is missing."""
