"""Jobs that compute an adapter out of others: parents laid out, a folder computed, a draft with its lineage."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from catalog.adapters.models import Revision
from catalog.adapters.storing import store_folder
from catalog.cards import split_card
from catalog.derivations.drafting import (
    abandon_derivation,
    receipts_as_dict,
    receipts_from_dict,
    record_made,
    revive_derivation,
    waiting_for,
)
from catalog.derivations.models import Derivation
from catalog.jobs.models import Job
from catalog.store import blob_store
from catalog.uploads.metadata import Metadata
from workers.children import Beat
from workers.trying_again import trying_again

Local = Callable[[str], str]


class Derive:
    """One kind of derivation: ``function`` is what its child calls. See ``workers.derivations`` for what that does."""

    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    def __init__(self, function: str) -> None:
        self.function = function

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        with self.laid_out(waiting_for(job), beat) as argument:
            yield argument

    @contextmanager
    def laid_out(self, derivation: Derivation, beat: Beat) -> Iterator[dict[str, Any]]:
        """The child's argument: the recipe, the parents' files, and an empty folder ``out`` to write into."""
        rows = derivation.parents.select_related("revision__base_model")
        parents = list(rows.prefetch_related("revision__files"))
        base = next((row.revision.base_model for row in parents if row.revision.base_model), None)
        with local_files(beat) as (local, scratch):
            yield {
                "kind": derivation.kind,
                "recipe": derivation.recipe,
                "metadata": card_fields(derivation.recipe.get("metadata") or {}),
                "base": {"name": base.name if base else derivation.recipe.get("base_model", "")},
                "parents": [parent_argument(row.revision, str(row), local) | {"weight": row.weight} for row in parents],
                "out": str(scratch / "out"),
                "scratch": str(scratch),
                "threads": settings.HUB_EVALUATION_THREADS,
            } | self.inputs(derivation, local)

    def inputs(self, derivation: Derivation, local: Local) -> dict[str, Any]:
        """What this kind needs besides."""
        return {}

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        with trying_again():
            receipts = store_folder(Path(argument["out"]), on_bytes=lambda count: beat(None, ""))
        return outcome | {"receipts": receipts_as_dict(receipts)}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        card, text = split_card(outcome["card"])
        with trying_again():
            derivation = record_made(
                job,
                receipts=receipts_from_dict(outcome["receipts"]),
                metadata=Metadata(**(waiting_for(job).recipe.get("metadata") or {})),
                card=card,
                card_text=text,
                report=outcome["report"],
                made_with=outcome["made_with"],
            )
        for parent, weight in zip(derivation.parents.all(), outcome.get("weights") or (), strict=False):
            derivation.parents.filter(pk=parent.pk).update(weight=weight)
        revision = derivation.revision
        assert revision is not None, "it was recorded just now"
        return {
            "derivation": derivation.pk,
            "adapter": derivation.target.full_name,
            "version": revision.version.name,
            "commit_id": revision.commit_id,
            "job": str(revision.validation_job_id),
        }

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        abandon_derivation(job, error)

    def revive(self, job: Job) -> None:
        revive_derivation(job)


@contextmanager
def local_files(beat: Beat) -> Iterator[tuple[Local, Path]]:
    """A function from a digest to a local path of its bytes, and a folder; both good inside the block."""
    with ExitStack() as stack:

        def local(digest: str) -> str:
            place = blob_store().local_path(digest, on_bytes=lambda count: beat(None, ""))
            return str(stack.enter_context(place))

        yield local, Path(stack.enter_context(TemporaryDirectory(prefix="derivation-")))


def parent_argument(revision: Revision, name: str, local: Local) -> dict[str, Any]:
    """One parent as the child gets it."""
    files = {file.path: local(file.blob_id) for file in revision.files.all()}
    return {"name": name, "commit_id": revision.commit_id, "files": files}


def card_fields(metadata: dict[str, Any]) -> dict[str, Any]:
    """What the card's front matter says of licence, language and task."""
    found = {"license": "license", "languages": "language", "task": "pipeline_tag"}
    return {name: metadata[key] for key, name in found.items() if metadata.get(key)}
