"""What both jobs that train do around their child: files laid out, and the result kept as a draft."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog.adapters.models import Revision
from catalog.adapters.storing import store_folder
from catalog.derivations.drafting import abandon_derivation, receipts_as_dict, revive_derivation
from catalog.derivations.trained import record_trained, set_argument
from catalog.evaluations.models import SetRevision
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.children import Beat

_READ = (".safetensors", ".json", ".txt", ".model", ".jinja")


class Layout:
    """Local paths of digests while a job runs, and its two folders, removed at its end."""

    def __init__(self, stack: ExitStack, beat: Beat, prefix: str) -> None:
        self._stack, self._beat = stack, beat
        self.room = Path(stack.enter_context(TemporaryDirectory(prefix=prefix)))
        (self.room / "made").mkdir()
        (self.room / "scratch").mkdir()

    def local(self, digest: str) -> str:
        """Where the bytes of a digest lie."""
        place = blob_store().local_path(digest, on_bytes=lambda count: self._beat(None, ""))
        return str(self._stack.enter_context(place))

    def adapter(self, revision: Revision) -> dict[str, str]:
        """The files of an adapter that a model is made of."""
        return {file.path: self.local(file.blob_id) for file in revision.files.all() if file.path.endswith(_READ)}

    def rows(self, on: SetRevision) -> dict[str, Any]:
        """A set as a child gets it."""
        return set_argument(on) | {"files": {file.split: self.local(file.blob_id) for file in on.files.all()}}

    def folders(self) -> dict[str, str]:
        """Where the child writes."""
        return {"output": str(self.room / "made"), "scratch": str(self.room / "scratch")}


class Trains:
    """The handler's second half: keep, apply, abandon, revive."""

    uses_device = True
    time_setting = "HUB_TRAINING_SECONDS"

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        """Write the card beside what the child made, and put all of it into the store."""
        folder = Path(argument["output"])
        card = str(outcome.pop("card"))
        (folder / "README.md").write_text(card, encoding="utf-8")
        receipts = store_folder(folder, on_bytes=lambda count: beat(None, "keeping"))
        return outcome | {"receipts": receipts_as_dict(receipts), "card": card, "metadata": argument["metadata"]}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        """A draft with its lineage."""
        return record_trained(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """What waited has failed."""
        abandon_derivation(job, error)

    def revive(self, job: Job) -> None:
        """It waits again."""
        revive_derivation(job)
