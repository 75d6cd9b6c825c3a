"""Licences: SPDX expressions, and the Hugging Face ids mapped to them."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, Licensing, get_spdx_licensing

from catalog.errors import InvalidInput


def spdx_expression(text: str) -> str:
    """``text`` as a normal SPDX expression; a Hugging Face id is mapped first.

    Raises:
        InvalidInput: ``invalid_license``.
    """
    text = text.strip()
    mapped = _mapping().get(text.lower())
    if mapped:
        return mapped
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


@lru_cache(maxsize=1)
def _mapping() -> dict[str, str]:
    rows: dict[str, Any] = tomllib.loads((Path(__file__).parent / "licenses.toml").read_text())
    return dict(rows["spdx"])


def _refused(text: str) -> InvalidInput:
    return InvalidInput(
        "invalid_license",
        f"{text[:120]!r} is not an SPDX expression",
        field="license",
        hint="For example Apache-2.0, MIT OR Apache-2.0, or LicenseRef-my-terms for a licence of your own.",
    )
