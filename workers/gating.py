"""The job ``gate_basis``: compressed members measured on a set where the originals have scores."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from catalog.evaluations.queries import JobInputs
from catalog.families.gate import Measured, abandon_gate, gate_inputs, record_gate, refuse_revival
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.base_weights import base_folder
from workers.children import Beat
from workers.hidden_rows import quoting_no_row

# What an adapter brings besides its weights and configuration.
_READ = (".json", ".txt", ".model", ".jinja")


class GateBasis:
    """Lays out base, set, basis and coefficients; the child decompresses and measures."""

    function = "workers.families.gating:measure"
    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        basis, on, measured = gate_inputs(job)
        inputs = JobInputs(basis.family.base_model, on)
        folder = base_folder(inputs.base)
        with quoting_no_row(on), ExitStack() as stack:

            def local(digest: str) -> str:
                place = blob_store().local_path(digest, on_bytes=lambda count: beat(None, ""))
                return str(stack.enter_context(place))

            assert basis.blob is not None, "asked for with its bytes"
            yield {
                "base": {"path": str(folder)},
                "basis": local(basis.blob.sha256),
                "set": inputs.set_argument() | {"files": {file.split: local(file.blob_id) for file in on.files.all()}},
                "subjects": [
                    {
                        "evaluation_id": str(one.fit.pk),
                        "coefficients": local(str(one.fit.blob_id)),
                        "files": {path: local(digest) for path, digest in _beside(one)},
                        "settings": one.evaluation.settings | _same_batches(one),
                    }
                    for one in measured
                ],
                "threads": settings.HUB_EVALUATION_THREADS,
                "scratch": stack.enter_context(TemporaryDirectory(prefix="gate-")),
            }

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        """Nothing is kept of the files that the child writes."""
        return outcome

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        return record_gate(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_gate(job, error)

    def revive(self, job: Job) -> None:
        refuse_revival(job)


def _beside(one: Measured) -> list[tuple[str, str]]:
    files = one.fit.revision.files.values_list("path", "blob_id")
    return [(path, digest) for path, digest in files if path.endswith(_READ) and path != "adapter_config.json"]


def _same_batches(one: Measured) -> dict[str, Any]:
    """The batches of the original: other batches round otherwise, and answers flip that the basis has not turned."""
    size = one.evaluation.used.get("batch_size")
    return {"batch_size": size, "efficiency": False} if size else {"efficiency": False}
