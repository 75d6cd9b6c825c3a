"""The jobs ``merge`` and ``preview_merge``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from catalog.adapters.models import Revision
from catalog.derivations.drafting import require_readable
from catalog.derivations.models import Derivation, Parent
from catalog.derivations.searching import rows_of
from catalog.errors import Gone
from catalog.evaluations.queries import JobInputs
from catalog.jobs.models import Job
from workers.base_weights import base_folder
from workers.children import Beat
from workers.deriving import Derive, Local, local_files, parent_argument


class Merge(Derive):
    """Merges the parents; with a search, the base model and the set's rows are laid out too."""

    def inputs(self, derivation: Derivation, local: Local) -> dict[str, Any]:
        if not derivation.recipe.get("search"):
            return {}
        on = rows_of(derivation)
        base = derivation.parents.select_related("revision__base_model")[0].revision.base_model
        if base is None:
            raise Gone(detail="the members have no base model any more")
        files = {file.split: local(file.blob_id) for file in on.files.all()}
        return {
            "base": {"name": base.name, "path": str(base_folder(base))},
            "set": JobInputs(base, on).set_argument() | {"files": files},
        }


class PreviewMerge:
    """Looks at a merge; the job's result is what it saw."""

    function = "workers.derivations.merging:preview_merge"
    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        with local_files(beat) as (local, _):
            parents = []
            for row in job.payload["parents"]:
                revision = Revision.objects.prefetch_related("files").filter(pk=row["revision_id"]).first()
                require_readable(revision)
                assert revision is not None, "it was looked for just now"
                name = str(Parent.of(revision, place=0))
                parents.append(parent_argument(revision, name, local) | {"weight": row["weight"]})
            recipe = job.payload["recipe"]
            yield {"kind": "merge", "recipe": recipe, "parents": parents, "threads": settings.HUB_EVALUATION_THREADS}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        return outcome

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on a look."""

    def revive(self, job: Job) -> None:
        """Nothing hangs on a look."""
