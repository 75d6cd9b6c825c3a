"""The job ``reproduce``: a derivation computed again from its recipe, and its digests compared."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from catalog.derivations.reproducing import compared, digests_of, made_before
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.children import Beat
from workers.derivation_kinds import DERIVES


class Reproduce:
    """Lays out what the first job had, asks for its device and threads, and stores nothing."""

    function = "workers.derivations.reproducing:reproduce"
    uses_device = True
    time_setting = "HUB_EVALUATION_SECONDS"

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        derivation = made_before(job)
        handler = DERIVES[derivation.kind]
        assert derivation.revision is not None, "made_before saw to it"
        with handler.laid_out(derivation, beat) as argument, ExitStack() as stack:
            made = {
                file.path: str(stack.enter_context(blob_store().local_path(file.blob_id)))
                for file in derivation.revision.files.filter(path__endswith=".safetensors")
            }
            then = derivation.made_with
            yield argument | {
                "function": handler.function,
                "device": then.get("device"),
                "threads": then.get("threads") or argument["threads"],
                "made": made,
                "made_with": then,
            }

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        """Hash what was computed, while it is there."""
        out = Path(argument["out"])
        found = {}
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            with path.open("rb") as file:
                found[path.relative_to(out).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
            beat(None, "")
        return outcome | {"digests": found}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        derivation = made_before(job)
        assert derivation.revision is not None, "made_before saw to it"
        same = compared(digests_of(derivation.revision), outcome["digests"])
        told = {name: outcome[name] for name in ("largest_difference", "made_with", "changed")}
        return {"derivation": derivation.pk, **same, **told}

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """Nothing hangs on it."""

    def revive(self, job: Job) -> None:
        """Nothing hangs on it."""
