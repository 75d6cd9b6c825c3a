"""The job ``receive_upload``: files that went to the store directly are hashed, then committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.jobs.models import Job
from catalog.uploads.receiving import commit_received, receive, reopen, size_bytes_of, take_back
from workers.children import Beat
from workers.trying_again import trying_again


class ReceiveUpload:
    """Hashes staged files into blobs. Nothing is read from their contents, so that no child is needed."""

    function = ""
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        total = max(size_bytes_of(job), 1)
        done = 0

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            beat(done / total, f"hashed {done >> 20} of {total >> 20} MiB")

        with trying_again():
            outcome = receive(job, on_bytes)
        yield outcome

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        with trying_again():
            return commit_received(job, outcome)

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        reopen(job)

    def revive(self, job: Job) -> None:
        take_back(job)
