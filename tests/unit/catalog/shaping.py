"""Base models of several widths, and revisions with the shapes that validation would find in their files."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.fits.recording import record_shapes_of
from catalog.store import blob_store
from tests.unit.catalog.factories import PROJECTION, WIDTH, lora_files, push
from workers.computing import inspect_revision


def make_wide_base(actor: User, name: str = "tiny/wide", width: int = 2 * WIDTH) -> BaseModel:
    """A base model whose projection has another width."""
    return register_base(actor, name=name, shapes={f"{PROJECTION}.weight": [width, width]}).base


def validate(revision: Revision, base: BaseModel | None) -> Revision:
    """What the job ``validate_revision`` does with what its child finds, fingerprints and evaluations left out."""
    with TemporaryDirectory() as folder:
        files = {}
        for file in revision.files.all():
            local = Path(folder) / file.path
            local.write_bytes(b"".join(blob_store().read(file.blob_id)))
            files[file.path] = str(local)
        argument: dict[str, Any] = {
            "files": files,
            "base": base.shapes.table if base else None,
            "base_config": None,
            "declared_base": base.name if base else "",
            "claims": revision.claims,
        }
        found = inspect_revision(argument, lambda *said: None)
    record_shapes_of(revision, found["requirements"], base=base)
    return record_verdict(revision, inspection=found, base=base)


def published(actor: User, base: BaseModel, adapter: str = "lab/ner", **options: Any) -> Revision:
    """A published revision that was checked against ``base``; ``options`` go to ``lora_files`` or ``push``."""
    given = {name: options.pop(name) for name in ("rank", "seed") if name in options}
    files = options.pop("files", None) or lora_files(base=base.name, **given)
    revision = validate(push(actor, files, adapter, **options), base)
    if revision.state == "pending":
        revision = publish_revision(revision, actor=actor)
    return Revision.objects.get(pk=revision.pk)
