"""The job ``evaluate``: adapters of one base model, and the base itself, measured on one evaluation set."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from catalog.evaluations.queries import inputs_of
from catalog.evaluations.recording import abandon_evaluations, record_results, revive_evaluations
from catalog.families.remeasuring import notice_measured
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.base_weights import base_folder
from workers.children import Beat
from workers.hidden_rows import quoting_no_row

# Weights, configs and tokenizers; nothing else of an adapter is fetched from the store.
_READ = (".safetensors", ".json", ".txt", ".model", ".jinja")


class Evaluate:
    """Lays out the base, the set and every adapter's files; the child measures, and results are kept one by one."""

    function = "workers.evaluation.run:evaluate"
    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        inputs = inputs_of(job)
        folder = base_folder(inputs.base)
        with quoting_no_row(inputs.set_revision), ExitStack() as stack:

            def local(digest: str) -> str:
                place = blob_store().local_path(digest, on_bytes=lambda count: beat(None, ""))
                return str(stack.enter_context(place))

            yield {
                "base": {"path": str(folder)},
                "set": inputs.set_argument()
                | {"files": {split: local(file.blob_id) for split, file in inputs.set_files.items()}},
                "subjects": [
                    {
                        "evaluation_id": subject.evaluation_id,
                        "files": _laid_down(subject.files, local),
                        "companion": _laid_down(subject.companion, local),
                        "settings": subject.settings,
                    }
                    for subject in inputs.subjects
                ],
                "threads": settings.HUB_EVALUATION_THREADS,
                # Removed here, so that nothing is left of a child that was killed.
                "scratch": stack.enter_context(TemporaryDirectory(prefix="evaluation-")),
            }

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        result = record_results(job, outcome)
        notice_measured(result["evaluations"])
        return result

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_evaluations(job, error)

    def revive(self, job: Job) -> None:
        revive_evaluations(job)


def _laid_down(files: dict[str, str] | None, local: Callable[[str], str]) -> dict[str, str] | None:
    """Local paths of the files that a child reads."""
    if files is None:
        return None
    return {path: local(digest) for path, digest in files.items() if path.endswith(_READ)}
