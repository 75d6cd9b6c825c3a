"""Where a derivation's draft goes: the adapter, the version, and what is inherited from its parents."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Adapter
from catalog.adapters.services import create_adapter
from catalog.derivations.parents import Named, visibility_for
from catalog.errors import Conflict
from catalog.names import check_version
from catalog.uploads.metadata import Metadata, check_metadata


@dataclass(frozen=True)
class Target:
    """Where the draft goes, and what its maker says of it; what is empty is inherited or chosen."""

    adapter: str
    version: str = ""
    visibility: str = ""
    license: str = ""
    summary: str = ""


def open_target(
    actor: User, target: Target, named: Sequence[Named], *, base: str = ""
) -> tuple[Adapter, dict[str, Any]]:
    """The adapter, made where there is none, and the metadata of the draft. Call it in the request's transaction.

    A licence that all parents share goes on, and so do a common task and all their languages. Without a visibility
    the adapter is private where a parent is. ``base`` is that of the draft where there are no parents.

    Raises:
        InvalidInput, NotFound, NotPermitted, Conflict: as a push to it would. Conflict ``version_exists`` or
        ``version_reserved``.
    """
    metadata = asdict(check_metadata(_inherited(target, named, base)))
    if target.version:
        check_version(target.version)
    adapter = create_adapter(
        actor, full_name=target.adapter, visibility=visibility_for(named, target.visibility), exist_ok=True
    )
    taken = adapter.versions.filter(name=target.version).first() if target.version else None
    if taken is not None:
        code = "version_reserved" if taken.state == "reserved" else "version_exists"
        raise Conflict(code, f"{taken} is {taken.state}", field="version", hint="Choose another version.")
    return adapter, metadata


def _inherited(target: Target, named: Sequence[Named], base: str) -> Metadata:
    revisions = [one.revision for one in named]
    licenses, tasks = {row.license for row in revisions}, {row.task for row in revisions}
    languages = dict.fromkeys(language for row in revisions for language in row.languages)
    return Metadata(
        base=base or str(named[0].base),
        task=tasks.pop() if len(tasks) == 1 else "",
        languages=list(languages),
        license=target.license or (licenses.pop() if len(licenses) == 1 else ""),
        summary=target.summary,
    )
