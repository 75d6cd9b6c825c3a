"""The job ``gather_evidence``: spectral statistics of an accepted revision, on a CUDA device where there is one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from catalog.adapters.models import Revision
from catalog.errors import Gone
from catalog.evidence.services import peers_of, record_evidence
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.children import Beat

_MEASURED_STATES = ("pending", "published", "yanked")


class GatherEvidence:
    """Measures every module's update and compares it with peers'. It decides nothing."""

    function = "workers.computing:gather_evidence"
    uses_device = True

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        revision = Revision.objects.filter(pk=job.payload["revision_id"], state__in=_MEASURED_STATES).first()
        if revision is None:
            raise Gone(detail="the revision was rejected, withdrawn or deleted meanwhile")
        with ExitStack() as stack:
            files = {}
            for file in revision.files.all():
                if file.path.endswith((".safetensors", ".json")):
                    local = blob_store().local_path(file.blob_id, on_bytes=lambda count: beat(None, ""))
                    files[file.path] = str(stack.enter_context(local))
            yield {"files": files, "peers": peers_of(revision)}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        revision = Revision.objects.filter(pk=job.payload["revision_id"]).first()
        if revision is None:
            return {"modules": 0}
        record_evidence(revision, outcome)
        if outcome.get("skipped"):
            return {"skipped": outcome["skipped"]}
        unusual = (outcome.get("comparison") or {}).get("unusual")
        return {
            "modules": len(outcome["statistics"]),
            "device": outcome["device"],
            "peers": outcome["peers"],
            "unusual": unusual,
        }

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on evidence."""

    def revive(self, job: Job) -> None:
        """Nothing hangs on evidence."""
