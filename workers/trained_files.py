"""What both jobs that train do around their child: files laid out, and the result kept as a draft."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog.adapters.models import Revision
from catalog.adapters.storing import store_folder
from catalog.derivations.drafting import abandon_derivation, receipts_as_dict, revive_derivation, waiting_for
from catalog.derivations.models import Derivation
from catalog.derivations.trained import record_trained, set_argument
from catalog.evaluations.models import SetRevision
from catalog.jobs.models import Job
from catalog.store import blob_store
from workers.children import Beat
from workers.trying_again import trying_again

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
        return {"out": str(self.room / "made"), "scratch": str(self.room / "scratch")}


class Trains(ABC):
    """A kind of job that trains: what is laid out is its own, the rest is common to all."""

    function: str
    uses_device = True
    time_setting = "HUB_TRAINING_SECONDS"

    @abstractmethod
    def laid_out(self, derivation: Derivation, beat: Beat) -> AbstractContextManager[dict[str, Any]]:
        """The child's argument, for the first time or to compute it again. Raises Gone."""

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        with self.laid_out(waiting_for(job), beat) as argument:
            yield argument

    def keep(self, job: Job, argument: dict[str, Any], outcome: dict[str, Any], beat: Beat) -> dict[str, Any]:
        """Put what the child wrote into the store."""
        with trying_again():
            receipts = store_folder(Path(argument["out"]), on_bytes=lambda count: beat(None, "keeping"))
        return outcome | {"receipts": receipts_as_dict(receipts)}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        """A draft with its lineage."""
        with trying_again():
            return record_trained(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        """What waited has failed."""
        abandon_derivation(job, error)

    def revive(self, job: Job) -> None:
        """It waits again."""
        revive_derivation(job)
