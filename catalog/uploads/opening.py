"""Open an upload: everything that can be refused is refused before any byte is sent."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import Namespace, User
from catalog.adapters.blobs import is_whole
from catalog.adapters.commits import same_files_published
from catalog.adapters.git_objects import tree_id
from catalog.adapters.models import Adapter, Blob, Revision, Visibility
from catalog.adapters.services import namespace_for_push
from catalog.bases.queries import require_base
from catalog.errors import InvalidInput, NotFound
from catalog.names import check_version
from catalog.uploads.metadata import Metadata, check_metadata
from catalog.uploads.models import Upload, UploadFile
from catalog.uploads.paths import check_files


@dataclass(frozen=True)
class AnnouncedFile:
    """A file that a client wants to send."""

    path: str
    size_bytes: int
    sha256: str = ""


def open_upload(
    actor: User,
    *,
    adapter: str,
    files: list[AnnouncedFile],
    metadata: Metadata,
    version: str = "",
    message: str = "",
    visibility: str = Visibility.PUBLIC,
    is_direct: bool = True,
) -> Upload | Revision:
    """Announce a push. Answers the published revision instead when exactly these files are already published so.

    Without ``is_direct`` every byte passes through the hub, whatever the store could take itself.

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
        already = already_published(namespace, name, version, files)
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
            is_direct=is_direct,
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
    related = ("namespace", "revision", "receive_job")
    found = Upload.objects.select_related(*related).filter(pk=upload_id, created_by=actor).first()
    if found is None:
        raise NotFound(detail=f"you have no upload {upload_id}")
    return found


def already_published(namespace: Namespace, name: str, version: str, files: list[AnnouncedFile]) -> Revision | None:
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
