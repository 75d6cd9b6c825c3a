"""The job ``compress``: a basis for a family, and every member's coefficients on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.families.making import abandon_basis, inputs_of, revive_basis
from catalog.families.recording import record_basis
from catalog.jobs.models import Job
from workers.children import Beat
from workers.families.compressing import compress
from workers.trying_again import trying_again


class Compress:
    """Reads the members by ranges and has their modules fitted in children, a few at a time; see the room families."""

    function = ""
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        with trying_again():
            outcome = compress(inputs_of(job), beat)
        yield outcome

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        with trying_again():
            return record_basis(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_basis(job.payload["basis_id"], error)

    def revive(self, job: Job) -> None:
        revive_basis(job.payload["basis_id"])
