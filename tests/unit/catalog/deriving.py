"""Makers of derivations: what a job would have computed, kept through the real services."""

from pathlib import Path
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.publication import publish_revision
from catalog.adapters.services import create_adapter
from catalog.adapters.storing import store_folder
from catalog.derivations.drafting import open_derivation, record_made
from catalog.derivations.models import Derivation, DerivationKind, Parent
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.uploads.metadata import Metadata
from storage import BlobReceipt
from tests.unit.catalog.factories import accept, lora_files


def open_merge(actor: User, target: Adapter, *parents: Revision, version: str = "") -> tuple[Derivation, Job]:
    """A merge of ``parents`` that waits for its job."""
    job = submit("merge", {}, created_by=actor, namespace=target.namespace)
    derivation = open_derivation(
        actor,
        target,
        kind=DerivationKind.MERGE,
        parents=[Parent.of(parent, place=place, weight=0.5) for place, parent in enumerate(parents)],
        recipe={"method": "linear"},
        version=version,
        job=job,
    )
    return derivation, job


def finish_merge(job: Job, folder: Path, *, seed: int = 9, **report: Any) -> Derivation:
    """Keep files as if the job had written them: small, valid, and others than the parents'."""
    return record_merge(job, store_made(folder, seed=seed), **report)


def store_made(folder: Path, *, seed: int = 9) -> dict[str, BlobReceipt]:
    """Put such files into the store, outside any transaction, as the supervisor does."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in lora_files(seed=seed).items():
        (folder / path).write_bytes(data)
    return store_folder(folder)


def record_merge(job: Job, receipts: dict[str, BlobReceipt], **report: Any) -> Derivation:
    """Commit what was stored as the draft that waits for ``job``."""
    return record_made(
        job,
        receipts=receipts,
        metadata=Metadata(base="tiny/llama"),
        card={},
        card_text="Merged.",
        report=report,
        made_with={"torch": "2.13.0"},
    )


def publish_merge(
    actor: User, name: str, *parents: Revision, folder: Path, seed: int = 9, visibility: str = "public"
) -> Revision:
    """A published merge of ``parents``, made, accepted and published as a job's would be."""
    target = create_adapter(actor, full_name=name, visibility=visibility, exist_ok=True)
    _, job = open_merge(actor, target, *parents)
    draft = finish_merge(job, folder / name.replace("/", "-"), seed=seed).revision
    assert draft is not None
    made = accept(draft)
    if made.state == "pending":
        made = publish_revision(made, actor=actor)
    made.refresh_from_db()
    return made
