"""Values of filters in the form in which entries carry them: what people call a method, a task, a licence."""

from collections.abc import Callable

from catalog.errors import InvalidInput
from catalog.search.query import ANY_OF
from catalog.taxonomy.licenses import spdx_expression


def canonical(field: str, value: str) -> str:
    """``value`` as entries carry it; as it was typed where nothing is known of it."""
    plain = " ".join(value.replace(ANY_OF, " ").split())
    known = _KNOWN.get(field)
    return known(plain) if known else plain


def _license(value: str) -> str:
    try:
        return spdx_expression(value)
    except InvalidInput:
        return value


_KNOWN: dict[str, Callable[[str], str]] = {"license": _license}
