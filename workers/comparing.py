"""The job ``compare_shapes``: which base models every adapter fits, as far as nobody compared them yet.

First it reads the shapes of revisions that were accepted before shapes were kept: headers alone, by ranges.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.fits.comparing import bases_behind, compare_base, request_comparison
from catalog.fits.filling import fill, without_shapes
from catalog.jobs.models import Job
from workers.children import Beat

_BATCH = 100


class CompareShapes:
    """Compares names and shapes alone, no file's contents: without a child."""

    function = ""
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        filled, last = 0, 0
        while revisions := without_shapes(_BATCH, after=last):
            last = revisions[-1].pk
            filled += sum(fill(revision) for revision in revisions)
            beat(0.0, f"read the headers of {filled} older files")
        compared, behind = 0, bases_behind()
        for place, base in enumerate(behind):
            beat(place / len(behind), f"comparing with {base}")
            compared += compare_base(base)
        yield {"filled": filled, "bases": len(behind), "compared": compared}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        if bases_behind():  # more than one job's share, or something new meanwhile
            request_comparison()
        return outcome

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on it: the next one compares what is missing."""

    def revive(self, job: Job) -> None:
        """It looks for itself what is missing."""
