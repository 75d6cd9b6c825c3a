"""Path converters: a first segment that the hub needs for itself is never a namespace."""

from catalog.names import RESERVED_NAMESPACES, fold

_RESERVED = frozenset(fold(name) for name in RESERVED_NAMESPACES)


class NameConverter:
    """The name of an adapter, or a version."""

    regex = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"

    def to_python(self, value: str) -> str:
        """The text itself."""
        return value

    def to_url(self, value: str) -> str:
        """The text itself."""
        return value


class NamespaceConverter(NameConverter):
    """The name of a namespace; reserved words do not match, so that ``/login`` finds ``/login/``."""

    def to_python(self, value: str) -> str:
        """The text itself, unless it is reserved."""
        if fold(value) in _RESERVED:
            raise ValueError(value)
        return value


class CommitConverter(NameConverter):
    """A git commit id."""

    regex = r"[0-9a-f]{40}"
