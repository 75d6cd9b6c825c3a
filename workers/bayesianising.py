"""The job ``bayesianise``: how much noise an adapter bears, and how calibrated that makes it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from catalog.errors import Gone
from catalog.evaluations.queries import JobInputs
from catalog.evaluations.uncertainty import (
    abandon_uncertainty,
    record_uncertainty,
    revive_uncertainty,
    waiting_for,
)
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.base_weights import base_folder
from workers.children import Beat
from workers.hidden_rows import quoting_no_row


class Bayesianise:
    """Lays out base, set and adapter as an evaluation does; the child searches and measures."""

    function = "workers.evaluation.bayesian:bayesianise"
    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        row = waiting_for(job)
        if row.revision.base_model is None:
            raise Gone(detail="the adapter has no base model any more")
        inputs = JobInputs(row.revision.base_model, row.set_revision)
        folder = base_folder(inputs.base)
        with quoting_no_row(row.set_revision), ExitStack() as stack:

            def local(digest: str) -> str:
                place = blob_store().local_path(digest, on_bytes=lambda count: beat(None, ""))
                return str(stack.enter_context(place))

            sets, own = row.set_revision.files.all(), row.revision.files.all()
            yield {
                "base": {"path": str(folder)},
                "set": inputs.set_argument() | {"files": {file.split: local(file.blob_id) for file in sets}},
                "subjects": [
                    {
                        "evaluation_id": str(row.pk),
                        "files": {file.path: local(file.blob_id) for file in own},
                        "settings": row.settings,
                    }
                ],
                "uncertainty": row.settings,
                "threads": settings.HUB_EVALUATION_THREADS,
                "scratch": stack.enter_context(TemporaryDirectory(prefix="bayesianise-")),
            }

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        return record_uncertainty(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_uncertainty(job, error)

    def revive(self, job: Job) -> None:
        revive_uncertainty(job)
