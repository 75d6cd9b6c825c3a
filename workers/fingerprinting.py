"""The fingerprint of a revision: computed beside its validation, or by the job ``fingerprint`` for older ones."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from catalog.adapters.models import Revision
from catalog.bases.models import BaseModelShapes
from catalog.errors import Gone
from catalog.jobs.models import Job
from catalog.similarity.recording import MEASURED_STATES, record_fingerprint
from catalog.store import blob_store
from workers.children import Beat


class MakeFingerprint:
    """Makes the fingerprint of one accepted revision."""

    function = "workers.computing:fingerprint"
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        wanted = Revision.objects.filter(
            pk=job.payload["revision_id"], state__in=MEASURED_STATES, manifest__isnull=True
        )
        revision = wanted.first()
        if revision is None:
            raise Gone(detail="the revision was rejected, withdrawn or deleted meanwhile")
        shapes = BaseModelShapes.objects.filter(base=revision.base_model_id).first()
        with ExitStack() as stack:
            files = {}
            for file in revision.files.all():
                if file.path.endswith((".safetensors", ".json")):
                    local = blob_store().local_path(file.blob_id, on_bytes=lambda count: beat(None, ""))
                    files[file.path] = str(stack.enter_context(local))
            yield {"files": files, "base": shapes.table if shapes else None}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        revision = Revision.objects.filter(pk=job.payload["revision_id"]).select_related("base_model").first()
        if revision is None:
            return {"modules": 0}
        found = record_fingerprint(revision, outcome)
        return {"modules": found.modules, "skipped": found.skipped}

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on a fingerprint."""

    def revive(self, job: Job) -> None:
        """Nothing hangs on a fingerprint."""
