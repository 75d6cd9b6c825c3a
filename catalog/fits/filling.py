"""Shape sets of revisions that were accepted before there were any: their headers are read from the store."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.bases.models import BaseModelShapes
from catalog.fits.recording import record_shapes_of
from catalog.plain import plain_value
from catalog.search.services import index_adapter
from catalog.store import blob_store
from kernels.formats.adapter_config import MAX_CONFIG_BYTES
from kernels.formats.base_shapes import BaseShapes
from kernels.formats.errors import FormatError
from kernels.formats.folder import CONFIG_NAME, choose_weights
from kernels.formats.ranged import RangedFile
from kernels.formats.requirements import NOT_VERIFIED, Requirements
from storage import StorageError

_ACCEPTED = (RevisionState.PENDING, RevisionState.PUBLISHED, RevisionState.YANKED)


def without_shapes(most: int, *, after: int = 0) -> list[Revision]:
    """Accepted revisions with bytes and without a shape set, by key from ``after`` on."""
    found = Revision.objects.filter(state__in=_ACCEPTED, manifest__isnull=True, shapes=None, pk__gt=after)
    return list(found.select_related("adapter__namespace", "base_model").order_by("pk")[:most])


def fill(revision: Revision) -> bool:
    """Find the revision's shape set in its file's header; False where the file cannot be read."""
    try:
        asked = _asked(revision)
    except (FormatError, StorageError, ValueError, KeyError):
        return False
    if asked is None:
        return False
    with transaction.atomic():
        record_shapes_of(revision, asked.as_dict(), base=revision.base_model)
        adapter = Adapter.objects.select_for_update().get(pk=revision.adapter_id)
        if adapter.default_version and adapter.default_version.revision_id == revision.pk:
            index_adapter(adapter)
    return True


def _asked(revision: Revision) -> Requirements | None:
    files = {file.path: file.blob for file in revision.files.select_related("blob")}
    config: dict[str, Any] = {}
    said = files.get(CONFIG_NAME)
    if said is not None and said.size_bytes <= MAX_CONFIG_BYTES:
        value = plain_value(json.loads(b"".join(blob_store().read(said.sha256))))
        config = value if isinstance(value, dict) else {}
    name, _ = choose_weights({path: Path(path) for path in files}, is_mixture=config.get("peft_type") == "XLORA")
    if name is None:
        return None
    weights = files[name]

    def read(start: int, length: int) -> bytes:
        return b"".join(blob_store().read(weights.sha256, start=start, length=length))

    return Requirements.of_file(RangedFile.open(weights.size_bytes, read), config, confirmed_on=_confirmed(revision))


def _confirmed(revision: Revision) -> BaseShapes | None:
    """The shapes of the base model on which every tensor was confirmed, by PEFT where it had to be."""
    is_confirmed = (revision.facts.get("base") or {}).get("confirmed") is True
    codes = {row.get("code") for row in revision.report.get("findings") or [] if isinstance(row, dict)}
    if not is_confirmed or NOT_VERIFIED in codes or revision.base_model_id is None:
        return None
    row = BaseModelShapes.objects.filter(base_id=revision.base_model_id).first()
    return row.as_shapes() if row else None
