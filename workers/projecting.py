"""The job ``project_revision``: a new version of a member gets coefficients on the basis that is there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings

from catalog.adapters.storing import store_file
from catalog.families.making import shown_name
from catalog.families.projecting import projection_of, record_projected
from catalog.jobs.models import Job
from catalog.store import blob_store
from kernels.formats.ranged import Pieces
from workers.children import Beat
from workers.families.members import lay_out, module_sizes, open_member
from workers.trying_again import trying_again


class ProjectRevision:
    """Copies the factors of one revision by ranges; the child projects them and writes the coefficients."""

    function = "workers.families.projecting:project_revision"
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        found = projection_of(job)
        options = found.basis.recipe["options"]

        def on_bytes(count: int) -> None:
            beat(None, "")

        with ExitStack() as stack:
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="project-")))
            with trying_again():
                name = shown_name(found.revision, found.basis.family)
                member = open_member(0, found.revision, on_bytes, name=name)
                pieces, modules = lay_out([member], module_sizes([member]))
                pieces.write(scratch / "work.safetensors", on_bytes=on_bytes)
                heads = Pieces()
                member.copy_heads(heads)
                if member.saved:
                    heads.write(scratch / "heads.safetensors", on_bytes=on_bytes)
                assert found.basis.blob is not None, "a ready basis has bytes"
                basis = blob_store().local_path(found.basis.blob.sha256, on_bytes=on_bytes)
                local = str(stack.enter_context(basis))
            yield {
                "basis": local,
                "file": str(scratch / "work.safetensors"),
                "members": 1,
                "modules": modules,
                "heads": str(scratch / "heads.safetensors") if member.saved else None,
                "heads_dtype": None if options["heads"] == "as_they_are" else options["heads"],
                "settings": member.settings,
                "coefficients": options["coefficients"],
                "rank": options["rank"] if options["method"] == "individual" else options.get("member_rank"),
                "threads": settings.HUB_EVALUATION_THREADS,
                "out": str(scratch / "member.safetensors"),
                "revision_id": found.revision.pk,
                "original_bytes": member.original_bytes,
            }

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        """The coefficients go into the store."""
        with trying_again():
            receipt = store_file(Path(argument["out"]), on_bytes=lambda count: beat(None, ""))
        told = {name: argument[name] for name in ("revision_id", "original_bytes")}
        return {"member": {**outcome, **told, "receipt": asdict(receipt)}}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        with trying_again():
            return record_projected(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """The version is pulled as it is."""

    def revive(self, job: Job) -> None:
        """Nothing hangs on a projection."""
