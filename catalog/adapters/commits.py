"""Turn files that the hub holds into a revision, and reserve its version."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction

from catalog.accounts.models import User
from catalog.adapters import git_objects
from catalog.adapters.models import Adapter, Blob, File, Revision, RevisionState, Version, VersionState
from catalog.errors import Conflict
from catalog.jobs.services import submit
from catalog.names import check_version, version_key

VALIDATE_REVISION = "validate_revision"


@dataclass(frozen=True)
class Commit:
    """A revision, and whether this call made it (or found the same files published under the same version)."""

    revision: Revision
    is_new: bool


@transaction.atomic
def commit(
    adapter: Adapter,
    *,
    author: User,
    files: dict[str, Blob],
    version: str | None,
    message: str,
    metadata: dict[str, Any],
) -> Commit:
    """Commit ``files`` (path -> blob) to ``adapter``, reserve ``version`` (or the next free one) and submit validation.

    ``metadata`` holds the model fields that ``catalog.uploads.metadata.revision_fields`` makes.

    Raises:
        Conflict: ``version_exists`` (published with other files), ``version_reserved`` (another push waits),
            ``name_taken`` (the adapter was deleted a moment ago).
    """
    if Adapter.objects.select_for_update().get(pk=adapter.pk).deleted_at is not None:
        raise Conflict("name_taken", f"{adapter.full_name} was deleted a moment ago", field="adapter")
    tree = git_objects.tree_id((path, blob.git_id) for path, blob in files.items())
    name = check_version(version) if version else next_version(adapter)
    existing = same_files_published(adapter, name, tree)
    if existing is not None:
        return Commit(existing, is_new=False)
    revision = _write_revision(adapter, author=author, files=files, tree=tree, message=message, metadata=metadata)
    reserve_version(adapter, name, revision)
    job = submit(
        VALIDATE_REVISION,
        {"revision_id": revision.pk, "version": name},
        created_by=author,
        namespace=adapter.namespace,
        subject=("revision", f"{adapter.full_name}@{name}"),
    )
    revision.validation_job = job
    revision.save(update_fields=["validation_job"])
    return Commit(revision, is_new=True)


def same_files_published(adapter: Adapter, version: str, tree: str) -> Revision | None:
    """The revision under ``version`` if its files are those of ``tree``; None if the version is free.

    Raises:
        Conflict: ``version_exists`` or ``version_reserved``.
    """
    taken = adapter.versions.select_related("revision").filter(name=version).first()
    if taken is None:
        return None
    if taken.revision.tree_id == tree and taken.state != VersionState.WITHDRAWN:
        return taken.revision
    if taken.state == VersionState.RESERVED:
        raise Conflict(
            "version_reserved",
            f"another push of {adapter.full_name}@{version} is {taken.revision.state}",
            field="version",
            hint="Wait for its review, or push another version.",
        )
    raise Conflict(
        "version_exists",
        f"{adapter.full_name}@{version} is {taken.state} with other files",
        field="version",
        hint="Published versions never change. Push a new version.",
    )


def next_version(adapter: Adapter) -> str:
    """``0.1.0`` for the first, then the highest version with its last number raised by one."""
    names = list(adapter.versions.values_list("name", flat=True))
    if not names:
        return "0.1.0"
    major, minor, patch, *_ = max(version_key(name) for name in names)
    return f"{major}.{minor}.{patch + 1}"


def _write_revision(
    adapter: Adapter, *, author: User, files: dict[str, Blob], tree: str, message: str, metadata: dict[str, Any]
) -> Revision:
    moment = datetime.now(UTC).replace(microsecond=0)
    # By their order of arrival: the clocks of two web processes may disagree about the time.
    newest = adapter.revisions.order_by("-id").first()
    revision = Revision.objects.create(
        adapter=adapter,
        commit_id=_commit_id(tree, newest, author, moment, message),
        tree_id=tree,
        parent=newest,
        message=message,
        author=author,
        created_at=moment,
        size_bytes=sum(blob.size_bytes for blob in files.values()),
        state=RevisionState.VALIDATING,
        **metadata,
    )
    File.objects.bulk_create(File(revision=revision, path=path, blob=blob) for path, blob in sorted(files.items()))
    return revision


def _commit_id(tree: str, parent: Revision | None, author: User, moment: datetime, message: str) -> str:
    return git_objects.commit_id(
        tree=tree,
        parent=parent.commit_id if parent else None,
        author=author.get_full_name() or author.username,
        email=author.email,
        moment=moment,
        message=message,
    )


def reserve_version(adapter: Adapter, name: str, revision: Revision) -> Version:
    """Keep the version for ``revision`` until its verdict and review. Raises Conflict ``version_reserved``."""
    try:
        with transaction.atomic():
            return Version.objects.create(adapter=adapter, name=name, revision=revision)
    except IntegrityError as error:
        raise Conflict(
            "version_reserved", f"another push took {adapter.full_name}@{name} just now", field="version"
        ) from error
