"""Uploads: open, receive parts, finish into a commit, abort, expire. The walk of every push."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.accounts.models import Namespace, User
from catalog.adapters.blobs import add_blob, expect_blob, is_whole
from catalog.adapters.commits import Commit, commit, same_files_published
from catalog.adapters.git_objects import tree_id
from catalog.adapters.models import Adapter, Blob, Revision, Visibility
from catalog.adapters.services import create_adapter, namespace_for_push
from catalog.bases.queries import require_base
from catalog.cards import MAX_CARD_BYTES, CardError, split_card
from catalog.errors import Busy, Conflict, InvalidInput, NotFound, Unprocessable
from catalog.names import check_version
from catalog.store import blob_store
from catalog.uploads.metadata import Metadata, check_metadata, revision_fields
from catalog.uploads.models import Upload, UploadFile, UploadState
from catalog.uploads.paths import check_files
from storage import StorageError
from storage.keys import staging_key

_FINISHING_SECONDS = 600


@dataclass(frozen=True)
class AnnouncedFile:
    """A file that a client wants to send."""

    path: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True)
class PartPlan:
    """One part to send."""

    number: int
    offset: int
    size_bytes: int
    is_received: bool


def open_upload(
    actor: User,
    *,
    adapter: str,
    files: list[AnnouncedFile],
    metadata: Metadata,
    version: str = "",
    message: str = "",
    visibility: str = Visibility.PUBLIC,
) -> Upload | Revision:
    """Announce a push. Answers the published revision instead when exactly these files are already published so.

    Raises:
        InvalidInput, Unprocessable, TooLarge, NotFound, NotPermitted, Conflict: before any byte is sent.
    """
    check_files(
        [(file.path, file.size_bytes) for file in files],
        max_files=settings.HUB_MAX_FILES,
        max_file_bytes=settings.HUB_MAX_FILE_BYTES,
    )
    if visibility not in Visibility.values:
        raise InvalidInput(detail=f"unknown visibility {visibility!r}", field="visibility", hint="public or private")
    namespace, name = namespace_for_push(actor, adapter)
    checked = check_metadata(metadata)
    if checked.base:
        require_base(checked.base)
    if version:
        check_version(version)
        already = _already_published(namespace, name, version, files)
        if already is not None:
            return already
    with transaction.atomic():
        upload = Upload.objects.create(
            namespace=namespace,
            adapter_name=name,
            visibility=visibility,
            version=version,
            message=message[:5000],
            metadata=checked.__dict__,
            part_size_bytes=settings.HUB_PART_SIZE_BYTES,
            created_by=actor,
            expires_at=timezone.now() + timedelta(hours=settings.HUB_UPLOAD_HOURS),
        )
        UploadFile.objects.bulk_create(
            UploadFile(upload=upload, index=index, path=file.path, size_bytes=file.size_bytes)
            for index, file in enumerate(files)
        )
    return upload


def get_upload(actor: User, upload_id: str | UUID) -> Upload:
    """One's own upload. Raises NotFound for anybody else's."""
    found = Upload.objects.select_related("namespace", "revision").filter(pk=upload_id, created_by=actor).first()
    if found is None:
        raise NotFound(detail=f"you have no upload {upload_id}")
    return found


def plan_parts(upload: Upload, file: UploadFile) -> list[PartPlan]:
    """The parts of one file, and which have arrived. An empty file is one empty part."""
    size = upload.part_size_bytes
    received = {part.number: part.size_bytes for part in blob_store().parts(_key(upload, file))}
    plans = []
    for number, offset in enumerate(range(0, max(file.size_bytes, 1), size), start=1):
        length = min(size, file.size_bytes - offset)
        plans.append(PartPlan(number, offset, length, received.get(number) == length))
    return plans


def receive_part(upload: Upload, *, index: int, number: int, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Store one part; sending it again replaces it. Returns its size in bytes and its SHA-256.

    Raises:
        Conflict: ``upload_closed``. NotFound: no such file or part. Unprocessable: ``size_mismatch``.
    """
    _require_open(upload)
    file = upload.files.filter(index=index).first()
    plan = next((part for part in plan_parts(upload, file) if part.number == number), None) if file else None
    if file is None or plan is None:
        raise NotFound(detail=f"this upload announced no part {number} of file {index}")
    try:
        receipt, sha256 = blob_store().write_part(_key(upload, file), number, chunks, size_bytes=plan.size_bytes)
    except StorageError as error:
        if error.code != "size_mismatch":
            raise
        raise Unprocessable(error.code, f"{file.path}: {error.detail}", hint="Send the part again.") from error
    return receipt.size_bytes, sha256


def finish_upload(actor: User, upload: Upload, digests: dict[str, str]) -> Commit:
    """Hash every byte, commit a revision and submit its validation. Finishing twice answers the same revision.

    Raises:
        InvalidInput: a digest is missing or malformed. Conflict: ``upload_incomplete``, ``upload_closed``,
        ``version_exists``. Unprocessable: ``digest_mismatch``; that file's parts are dropped, the upload stays open.
    """
    if upload.state == UploadState.COMMITTED:
        return _made_elsewhere(upload)
    files = list(upload.files.all())
    _check_digests(files, digests)
    if not _take(upload):
        return _made_elsewhere(upload)
    try:
        made = _commit(actor, upload, files, digests)
    except BaseException:
        Upload.objects.filter(pk=upload.pk, state=UploadState.FINISHING).update(state=UploadState.OPEN)
        raise
    blob_store().discard(staging_key(upload.pk.hex))
    return made


def abort_upload(upload: Upload) -> None:
    """Drop an upload and its bytes. Raises Conflict ``upload_closed`` once it is being finished or committed."""
    if not _drop(upload, Q(state=UploadState.OPEN)):
        upload.refresh_from_db()
        raise _closed(upload)


def expire_uploads() -> int:
    """Drop the bytes of uploads that nobody finished in time. Returns how many."""
    expired = Q(expires_at__lte=timezone.now()) & _takeable()
    return sum(_drop(upload, expired) for upload in Upload.objects.filter(expired)[:200])


def _drop(upload: Upload, condition: Q) -> bool:
    """Abort the upload if ``condition`` still holds, so that one being finished this moment keeps its bytes."""
    dropped = Upload.objects.filter(condition, pk=upload.pk).update(state=UploadState.ABORTED)
    if dropped:
        blob_store().discard(staging_key(upload.pk.hex))
    return bool(dropped)


def _commit(actor: User, upload: Upload, files: list[UploadFile], digests: dict[str, str]) -> Commit:
    if upload.version:
        # Asked before any byte becomes a blob, so that a refused push leaves none behind.
        announced = [AnnouncedFile(file.path, file.size_bytes, digests[file.path]) for file in files]
        _already_published(upload.namespace, upload.adapter_name, upload.version, announced)
    receipts = {file.path: _promote(upload, file, digests[file.path]) for file in files}
    with transaction.atomic():
        adapter = create_adapter(actor, full_name=upload.full_name, visibility=upload.visibility, exist_ok=True)
        # In the order of their digests, so that two commits of the same files never wait for each other.
        blobs = {path: add_blob(receipts[path]) for path in sorted(receipts, key=lambda path: receipts[path].sha256)}
        made = commit(
            adapter,
            author=actor,
            files=blobs,
            version=upload.version or None,
            message=upload.message,
            metadata=_revision_fields(upload, blobs),
        )
        upload.state, upload.revision = UploadState.COMMITTED, made.revision
        upload.save(update_fields=["state", "revision"])
    return made


def _promote(upload: Upload, file: UploadFile, sha256: str) -> Any:
    parts = plan_parts(upload, file)
    missing = [part.number for part in parts if not part.is_received]
    if missing:
        raise Conflict(
            "upload_incomplete",
            f"{file.path}: parts {missing[:20]} of {len(parts)} have not arrived",
            field="files",
            hint="Send them, then finish again.",
        )
    expect_blob(sha256, file.size_bytes)
    try:
        return blob_store().promote(_key(upload, file), [part.number for part in parts], sha256=sha256)
    except StorageError as error:
        if error.code not in ("digest_mismatch", "part_missing"):
            raise
        if error.code == "digest_mismatch":
            blob_store().discard(_key(upload, file))
        raise Unprocessable(
            error.code, f"{file.path}: {error.detail}", field="files", hint="Send this file again, then finish again."
        ) from error


def _revision_fields(upload: Upload, blobs: dict[str, Blob]) -> dict[str, Any]:
    given = Metadata(**upload.metadata)
    readme = blobs.get("README.md")
    if readme is None or readme.size_bytes > MAX_CARD_BYTES:
        return revision_fields(given, {}, "")
    text = b"".join(blob_store().read(readme.sha256)).decode("utf-8", errors="replace")
    try:
        card, body = split_card(text)
    except CardError as error:
        return revision_fields(given, {"error": str(error)}, text)
    return revision_fields(given, card, body)


def _already_published(namespace: Namespace, name: str, version: str, files: list[AnnouncedFile]) -> Revision | None:
    """With digests announced, what is published is known before any byte is sent. Raises Conflict for other files."""
    adapter = Adapter.objects.live().filter(namespace=namespace, name=name).first()
    if adapter is None or not all(file.sha256 for file in files) or not adapter.versions.filter(name=version).exists():
        return None
    known = Blob.objects.hashed().filter(sha256__in=[file.sha256 for file in files])
    git_ids = dict(known.values_list("sha256", "git_id"))
    # An unknown digest can only mean other files; forty zeros stand for it, which no content hashes to.
    tree = tree_id((file.path, git_ids.get(file.sha256, "0" * 40)) for file in files)
    published = same_files_published(adapter, version, tree)
    # Where the store's copy is damaged, the same bytes are welcome: they repair it.
    return published if published is not None and is_whole(published) else None


def _check_digests(files: list[UploadFile], digests: dict[str, str]) -> None:
    for file in files:
        digest = digests.get(file.path, "")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise InvalidInput(
                detail=f"{file.path} needs its SHA-256 in lower-case hexadecimal; received {digest[:80]!r}",
                field="files",
            )
    unknown = sorted(set(digests) - {file.path for file in files})
    if unknown:
        raise InvalidInput(detail=f"{unknown[0]!r} was not announced in this upload", field="files")


def _take(upload: Upload) -> bool:
    """Only one request at a time may finish an upload; returns whether this one may."""
    taken = Upload.objects.filter(_takeable(), pk=upload.pk).update(
        state=UploadState.FINISHING, finishing_since=timezone.now()
    )
    return bool(taken)


def _takeable() -> Q:
    """Open, or held by a request that died ten minutes ago."""
    stale = timezone.now() - timedelta(seconds=_FINISHING_SECONDS)
    return Q(state=UploadState.OPEN) | Q(state=UploadState.FINISHING, finishing_since__lte=stale)


def _made_elsewhere(upload: Upload) -> Commit:
    """What another request made of the upload. Raises Busy while it is at it, Conflict ``upload_closed``."""
    upload.refresh_from_db()
    if upload.state == UploadState.FINISHING:
        raise Busy(detail="another request is finishing this upload", hint="Ask for the upload again in a moment.")
    if upload.state == UploadState.COMMITTED and upload.revision is not None:
        return Commit(upload.revision, is_new=False)
    raise _closed(upload)


def _require_open(upload: Upload) -> None:
    if upload.state != UploadState.OPEN:
        raise _closed(upload)


def _closed(upload: Upload) -> Conflict:
    return Conflict("upload_closed", f"upload {upload.pk} is {upload.state}", hint="Open a new upload.")


def _key(upload: Upload, file: UploadFile) -> str:
    return staging_key(upload.pk.hex, file.index)
