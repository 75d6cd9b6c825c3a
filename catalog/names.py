"""Names that people give to things: what is allowed, and which names count as the same."""

import re
import unicodedata

from catalog.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9])){0,95}")
_VERSION = re.compile(
    r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?", re.ASCII
)
_BASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
_BASE_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# First path segments that the hub's own pages and the Hugging Face wire need.
RESERVED_NAMESPACES = frozenset(
    """
    about account accounts adapters admin api assets audit base-models bases collections compare datasets docs download
    evaluation-sets evaluations families favicon.ico files healthz health help hub jobs kernels languages
    leaderboards login logout metrics models namespaces new organizations queue readyz records register removals review
    reviews robots.txt search settings signup spaces static tasks tokens upload uploads users v1 versions whoami
    """.split()  # noqa: SIM905  (a list of sixty quoted words reads worse)
)
# The Hugging Face wire puts these after a name; a version or adapter so named could not be addressed there.
RESERVED_ADAPTERS = frozenset({"resolve", "tree", "raw", "blob", "revisions", "versions", "settings", "new"})


def fold(name: str) -> str:
    """The form under which two names collide: compatibility-normalised, case folded, one kind of separator."""
    return re.sub(r"[-_.]+", "-", unicodedata.normalize("NFKC", name).casefold())


def check_name(name: str, *, field: str, reserved: frozenset[str] = frozenset()) -> str:
    """``name`` itself if it may name a namespace or an adapter.

    Raises:
        InvalidInput: ``invalid_name``.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "invalid_name",
            f"{name[:100]!r} is not a usable name",
            field=field,
            hint="Use 1 to 96 letters, digits and single . _ - between them.",
        )
    if fold(name) in {fold(word) for word in reserved}:
        raise InvalidInput("invalid_name", f"{name!r} is reserved", field=field, hint="Choose another name.")
    return name


def check_version(version: str) -> str:
    """``version`` itself if it reads like ``1.2.0`` or ``1.2.0-rc.1``. Raises InvalidInput ``invalid_version``."""
    if not _VERSION.fullmatch(version) or len(version) > 64:
        raise InvalidInput(
            "invalid_version",
            f"{version[:80]!r} is not a version",
            field="version",
            hint="Use three numbers, such as 1.2.0; a suffix such as -rc.1 may follow.",
        )
    return version


VersionKey = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


def version_key(version: str) -> VersionKey:
    """Sort key: 1.10.0 after 1.9.0, rc.10 after rc.2, and a suffixed version before the plain one (semver.org, 11)."""
    core, _, suffix = version.partition("-")
    major, minor, patch = (int(part) for part in core.split("."))
    words = suffix.split(".") if suffix else []
    return (major, minor, patch, not suffix, tuple((not w.isdigit(), int(w) if w.isdigit() else 0, w) for w in words))


def split_full_name(full_name: str, *, field: str = "adapter") -> tuple[str, str]:
    """``"org/name"`` as its two parts. Raises InvalidInput ``invalid_name``."""
    namespace, separator, name = full_name.partition("/")
    if not separator or not name or "/" in name:
        raise InvalidInput(
            "invalid_name",
            f"{full_name[:200]!r} is not namespace/name",
            field=field,
            hint="For example: my-team/ner-de.",
        )
    return namespace, name


def split_reference(reference: str) -> tuple[str, str]:
    """``"org/name@1.2.0"`` as full name and ref; the ref is empty when there is no ``@``."""
    full_name, _, ref = reference.partition("@")
    return full_name, ref


def check_base_id(base_id: str, *, field: str = "id") -> str:
    """``base_id`` itself if it may name a base model: one or two plain words. Raises InvalidInput ``invalid_name``."""
    last = base_id.rpartition("/")[2]
    if not _BASE_ID.fullmatch(base_id) or ".." in base_id or last in {"shapes", "config"}:
        raise InvalidInput(
            "invalid_name",
            f"{base_id[:200]!r} cannot be the id of a base model",
            field=field,
            hint="Use the public id, such as google/gemma-3-270m-it or gpt2; never a path.",
        )
    return base_id


def check_base_revision(revision: str, *, field: str = "revision") -> str:
    """``revision`` itself if it is one plain word. Raises InvalidInput ``invalid_name``."""
    if not _BASE_REVISION.fullmatch(revision):
        raise InvalidInput("invalid_name", f"{revision[:80]!r} is not a base model's revision", field=field)
    return revision
