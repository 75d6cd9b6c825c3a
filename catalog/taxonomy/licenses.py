"""Licences: SPDX expressions, and the Hugging Face ids mapped to them."""

from dataclasses import dataclass
from functools import lru_cache

from license_expression import ExpressionError, Licensing, get_spdx_licensing

from catalog.errors import InvalidInput
from catalog.taxonomy.tables import rows_of, toml_of


@dataclass(frozen=True)
class Terms:
    """What a licence lets people do, as far as this hub knows it."""

    id: str
    label: str
    commercial: bool
    derivatives: bool
    share_alike: bool = False
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def all_terms() -> tuple[Terms, ...]:
    """The licences whose terms are known here."""
    return rows_of("licenses.toml", "terms", Terms)


def license_label(expression: str) -> str:
    """How an expression is called on a page: ``LicenseRef-Llama-3.1`` is ``Llama 3.1``."""
    for row in all_terms():
        if row.id == expression:
            return row.label
    return (
        expression.removeprefix("LicenseRef-").replace("-", " ") if expression.startswith("LicenseRef-") else expression
    )


def spdx_expression(text: str) -> str:
    """``text`` as a normal SPDX expression; a Hugging Face id is mapped first.

    Raises:
        InvalidInput: ``invalid_license``.
    """
    text = text.strip()
    mapped = toml_of("licenses.toml")["spdx"].get(text.lower())
    if mapped:
        return str(mapped)
    if text.startswith("LicenseRef-") and " " not in text and len(text) <= 100:
        return text
    try:
        parsed = _licensing().parse(text, validate=True, simple=False) if text else None
    except (ExpressionError, AttributeError, TypeError) as error:
        raise _refused(text) from error
    if parsed is None:
        raise _refused(text)
    return str(parsed)


@lru_cache(maxsize=1)
def _licensing() -> Licensing:
    return get_spdx_licensing()


def _refused(text: str) -> InvalidInput:
    return InvalidInput(
        "invalid_license",
        f"{text[:120]!r} is not an SPDX expression",
        field="license",
        hint="For example Apache-2.0, MIT OR Apache-2.0, or LicenseRef-my-terms for a licence of your own.",
    )
