"""Make evaluation sets, and add immutable revisions to them; every byte is hashed here."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.blobs import add_blob, expect_blob
from catalog.errors import Conflict, InvalidInput, NotFound, TooLarge, Unprocessable
from catalog.evaluations.manifests import Manifest
from catalog.evaluations.models import EvaluationSet, SetFile, SetRevision
from catalog.evaluations.offering import require_offered
from catalog.evaluations.reading import ROW_SUFFIXES, count_rows
from catalog.named import Visibility
from catalog.names import check_name, fold, split_full_name
from catalog.reviews.audit import record
from catalog.store import blob_store
from catalog.uploads.paths import check_path
from storage import BlobReceipt
from storage.keys import staging_key

MAX_SPLITS = 8
_RESERVED_SETS = frozenset({"revisions", "new", "settings"})
_SPLIT = re.compile(r"[a-z][a-z0-9_]{0,19}")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SentFile:
    """One split as it arrives: its file's name, and bytes that can be read more than once."""

    path: str
    stream: BinaryIO
    size_bytes: int


@dataclass(frozen=True)
class Added:
    """A set's revision, and whether this call made it (or found the same rows and manifest)."""

    revision: SetRevision
    is_new: bool


def create_set(
    actor: User,
    *,
    full_name: str,
    visibility: str = Visibility.PUBLIC,
    summary: str = "",
    exist_ok: bool = False,
) -> EvaluationSet:
    """A new set without revisions; with ``exist_ok`` the existing one of that name.

    Raises:
        InvalidInput: ``invalid_name``, an unknown visibility. NotFound: no such namespace. NotPermitted: not a writer.
        Conflict: ``name_taken``.
    """
    _check_visibility(visibility)
    namespace, name = _place_for(actor, full_name)
    there = EvaluationSet.objects.select_related("namespace").filter(namespace=namespace, folded=fold(name)).first()
    if there is not None and exist_ok:
        return there
    try:
        with transaction.atomic():
            made = EvaluationSet.objects.create(
                namespace=namespace, name=name, visibility=visibility, summary=summary[:300]
            )
            record(actor, "create", made, after=visibility)
            return made
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            f"{namespace.name} has a set of that name (case and the separators . _ - do not count)",
            field="name",
            hint="Choose another name, or add a revision to it.",
        ) from error


@transaction.atomic
def update_set(
    actor: User, changed: EvaluationSet, *, summary: str | None = None, visibility: str | None = None
) -> EvaluationSet:
    """Change a set's summary or visibility.

    Of a set that becomes private nobody but its own people sees a row or a score any more, and the policies of other
    namespaces no longer use it.

    Raises:
        NotPermitted: not a writer. InvalidInput: an unknown visibility.
    """
    require_role(actor, changed.namespace, WRITE_ROLES, "change an evaluation set")
    row = EvaluationSet.objects.select_for_update().get(pk=changed.pk)
    before = row.visibility
    if visibility is not None:
        _check_visibility(visibility)
        row.visibility = visibility
    if summary is not None:
        row.summary = summary[:300]
    row.save(update_fields=["visibility", "summary"])
    if row.visibility != before:
        record(actor, "change_visibility", row, before=before, after=row.visibility)
    return row


def add_revision(actor: User, to: EvaluationSet, manifest: Manifest, files: dict[str, SentFile]) -> Added:
    """Check every row, hash every byte, and add a revision. The same rows and manifest again answer the same one.

    Raises:
        NotPermitted: not a writer. InvalidInput, Unprocessable: a split, a file or a row is wrong
        (``columns_missing``, ``set_empty``, ``labels_do_not_fit``, ``rows_malformed``). TooLarge: ``set_too_large``.
        Conflict: ``set_exists`` with another word about whether its rows are hidden.
        Gone: ``set_withdrawn``, the set or these rows of it.
        Busy: the bytes were collected meanwhile; send them again.
    """
    require_role(actor, to.namespace, WRITE_ROLES, "add to its evaluation sets")
    require_offered(to)
    _check_files(manifest, files)
    rows, manifest = _looked_through(manifest, files)
    digests = {split: _sha256(file.stream) for split, file in files.items()}
    digest = _digest(manifest, digests)
    known = _known(to, digest, manifest)
    if known is not None:
        return Added(known, is_new=False)
    receipts = {split: _store(file, digests[split]) for split, file in files.items()}
    return _write(actor, to, manifest, digest, rows, {name: (files[name].path, receipts[name]) for name in files})


@transaction.atomic
def _write(
    actor: User,
    to: EvaluationSet,
    manifest: Manifest,
    digest: str,
    rows: int,
    stored: dict[str, tuple[str, BlobReceipt]],
) -> Added:
    require_offered(EvaluationSet.objects.select_for_update().get(pk=to.pk))
    known = _known(to, digest, manifest)
    if known is not None:
        return Added(known, is_new=False)
    number = (to.revisions.aggregate(Max("number"))["number__max"] or 0) + 1
    revision = SetRevision.objects.create(
        evaluation_set=to,
        number=number,
        digest=digest,
        rows=rows,
        size_bytes=sum(receipt.size_bytes for _, receipt in stored.values()),
        created_by=actor,
        **asdict(manifest),
    )
    # In the order of their digests, so that two revisions with the same files never wait for each other.
    for split, (path, receipt) in sorted(stored.items(), key=lambda named: named[1][1].sha256):
        SetFile.objects.create(revision=revision, split=split, path=path, blob=add_blob(receipt))
    record(actor, "add_rows", revision, after="hidden" if manifest.is_hidden else "open")
    return Added(revision, is_new=True)


def _check_visibility(visibility: str) -> None:
    if visibility not in Visibility.values:
        raise InvalidInput(detail=f"unknown visibility {visibility!r}", field="visibility", hint="public or private")


def _place_for(actor: User, full_name: str) -> tuple[Namespace, str]:
    namespace_name, name = split_full_name(full_name, field="name")
    check_name(name, field="name", reserved=_RESERVED_SETS)
    namespace = Namespace.objects.named(namespace_name).first()
    if namespace is None:
        raise NotFound(detail=f"no namespace {namespace_name!r}", field="name")
    require_role(actor, namespace, WRITE_ROLES, "make an evaluation set")
    return namespace, name


def _check_files(manifest: Manifest, files: dict[str, SentFile]) -> None:
    missing = sorted(manifest.asked.required - set(files))
    if missing:
        raise InvalidInput(detail=f"the split {missing[0]!r} is missing", field="files", hint="Send one file a split.")
    if len(files) > MAX_SPLITS:
        raise TooLarge(detail=f"{len(files)} splits; at most {MAX_SPLITS}", field="files")
    for split, file in files.items():
        if not _SPLIT.fullmatch(split):
            raise InvalidInput(detail=f"{split[:40]!r} cannot name a split", field="files", hint="For example test.")
        check_path(file.path)
        if not file.path.endswith(ROW_SUFFIXES):
            detail = f"{file.path!r} must end with {' or '.join(ROW_SUFFIXES)}"
            raise Unprocessable("rows_malformed", detail, field="files")
    total = sum(file.size_bytes for file in files.values())
    if total > settings.HUB_MAX_SET_BYTES:
        raise set_too_large(total)


def set_too_large(size_bytes: int) -> TooLarge:
    """The refusal of a set over ``HUB_MAX_SET_BYTES``."""
    detail = f"the set has {size_bytes} bytes; at most {settings.HUB_MAX_SET_BYTES} are allowed"
    return TooLarge("set_too_large", detail, field="files", hint="Take a sample.")


def _looked_through(manifest: Manifest, files: dict[str, SentFile]) -> tuple[int, Manifest]:
    """How many rows are to be answered, and the manifest with the labels that occur where it names none."""
    rows, found = 0, set()
    for split, file in files.items():
        count, labels = count_rows(file.path, file.stream, split=split, manifest=manifest)
        found |= labels
        if split == manifest.asked.answered:
            rows = count
    if found and not manifest.labels:
        manifest = replace(manifest, labels=sorted(found))
    if manifest.asked.label_part and len(manifest.labels) < 2:
        raise Unprocessable("labels_do_not_fit", "a set of one label measures nothing", field="manifest")
    return rows, manifest


def _known(to: EvaluationSet, digest: str, manifest: Manifest) -> SetRevision | None:
    known = to.revisions.filter(digest=digest).first()
    if known is not None:
        require_offered(known)
    if known is not None and known.is_hidden != manifest.is_hidden:
        raise Conflict(
            "set_exists",
            f"{known} has the same rows, and they are {'hidden' if known.is_hidden else 'not hidden'}",
            field="manifest",
            hint="Rows that were once open cannot be hidden; a hidden revision never opens.",
        )
    return known


def _digest(manifest: Manifest, digests: dict[str, str]) -> str:
    """SHA-256 of everything that decides a score."""
    names = ("harness", "columns", "labels", "template", "metric", "options")
    decisive = {name: getattr(manifest, name) for name in names} | {"files": digests}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _store(file: SentFile, sha256: str) -> BlobReceipt:
    """The bytes as a blob, hashed once more on their way in."""
    upload_hex, store = uuid.uuid4().hex, blob_store()
    staging = staging_key(upload_hex, 0)
    expect_blob(sha256, file.size_bytes)
    try:
        store.write_part(staging, 1, _chunks(file.stream), size_bytes=file.size_bytes)
        return store.promote(staging, [1], sha256=sha256)
    finally:
        store.discard(staging_key(upload_hex))


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(stream):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
