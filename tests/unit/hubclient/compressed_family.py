"""A family with a ready basis, made by the kernels from what was pushed; only the job that would do it is left out."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from django.db import transaction

from catalog.accounts.models import User
from catalog.adapters.blobs import add_blob
from catalog.adapters.models import Blob, Revision
from catalog.adapters.storing import store_file
from catalog.families.models import Basis, BasisState, Consent, Family, Fit, FitState, Member
from catalog.families.services import create_family
from catalog.store import blob_store
from kernels.families.encoding import SINGLE
from kernels.families.files import write_basis, write_member
from kernels.families.jd_full import jd_full
from kernels.families.stored import StoredBasis, StoredModule, project
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import load_updates
from tests.unit.catalog.factories import PROJECTION, WIDTH, accept, lora_files, make_base, make_namespace, push

HEAD = "base_model.model.score.weight"


@dataclass
class CompressedFamily:
    """The family ``lab/films`` of three adapters, the last of which is on no basis."""

    owner: User
    family: Family
    basis: Basis
    revisions: list[Revision]
    folder: Path

    @property
    def names(self) -> list[str]:
        """Full names of the adapters."""
        return [revision.adapter.full_name for revision in self.revisions]

    def update(self, place: int) -> LowRankUpdate:
        """What an adapter was when it was pushed."""
        return load_updates(self.folder / str(place))[PROJECTION]


def make_compressed_family(owner: User, folder: Path) -> CompressedFamily:
    """Push three adapters, fit a basis to two of them, and write rows and bytes as the job does."""
    namespace = make_namespace(owner, is_review_required=False)
    base = make_base(owner)
    revisions = []
    for place in range(3):
        files = lora_files(rank=2, seed=place + 1)
        revision = accept(push(owner, files, f"lab/film-{place}"), base)
        revision.refresh_from_db()
        revisions.append(revision)
        (folder / str(place)).mkdir(parents=True)
        for path, data in files.items():
            (folder / str(place) / path).write_bytes(data)
    family = create_family(owner, full_name=f"{namespace.name}/films", base_model=base.name)
    for revision in revisions:
        Member.objects.create(family=family, adapter=revision.adapter, consent=Consent.GIVEN)
    updates = [load_updates(folder / str(place))[PROJECTION] for place in (0, 1)]
    shared = StoredModule(WIDTH, WIDTH, (jd_full(updates, rank=4).basis,))
    stored = write_basis(folder / "basis", StoredBasis("jd_full", base.name, {PROJECTION: shared}), encoding=SINGLE)
    basis = Basis.objects.create(
        family=family, number=1, method="jd_full", state=BasisState.READY, blob=_kept(folder / "basis"),
        size_bytes=stored.size_bytes,
    )  # fmt: skip
    Family.objects.filter(pk=family.pk).update(current=basis)
    for place, revision in enumerate(revisions):
        head = {HEAD: torch.full((2, WIDTH), float(place))}
        settings = {"task_type": "SEQ_CLS", "modules_to_save": ["score"]}
        member = replace(project(stored, {PROJECTION: updates[min(place, 1)]}), full=head, settings=settings)
        written = write_member(folder / f"member-{place}", stored, member, encoding=SINGLE)
        is_on_it = place < 2
        Fit.objects.create(
            basis=basis,
            revision=revision,
            state=FitState.COMPRESSED if is_on_it else FitState.UNCOMPRESSED,
            reason="" if is_on_it else "its error is too large",
            blob=_kept(folder / f"member-{place}") if is_on_it else None,
            size_bytes=written.size_bytes if is_on_it else revision.size_bytes,
            original_bytes=revision.size_bytes,
            relative_squared_error=0.0 if is_on_it else 0.9,
        )
    return CompressedFamily(owner, family, basis, revisions, folder)


def damage(blob: Blob) -> None:
    """Change a byte of what the store holds under a digest."""
    path = next(Path(blob_store().root).rglob(blob.sha256))  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def _kept(path: Path) -> Blob:
    receipt = store_file(path)
    with transaction.atomic():
        return add_blob(receipt)
