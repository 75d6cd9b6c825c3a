"""Values of filters in the form in which entries carry them: what people call a method, a task, a licence."""

from collections.abc import Callable

from catalog.errors import InvalidInput
from catalog.search.query import ANY_OF
from catalog.taxonomy.domains import find_domain
from catalog.taxonomy.languages import find_language
from catalog.taxonomy.licenses import spdx_expression
from catalog.taxonomy.methods import find_method
from catalog.taxonomy.tasks import canonical_task


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


def _method(value: str) -> str:
    found = find_method(value)
    return found.id if found else value


def _domain(value: str) -> str:
    found = find_domain(value)
    return found.id if found else value


def _language(value: str) -> str:
    return find_language(value) or value


_KNOWN: dict[str, Callable[[str], str]] = {
    "license": _license,
    "method": _method,
    "domain": _domain,
    "language": _language,
    "task": canonical_task,
}
