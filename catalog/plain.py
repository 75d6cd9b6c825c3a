"""Values from files that strangers wrote, as values that JSON, UTF-8 and every database can hold."""

from math import isfinite
from typing import Any

_LARGEST = 1 << 63


def plain_value(value: Any) -> Any:
    """The same in JSON's types: every key text, and what JSON cannot hold (NaN, sets, bytes, huge numbers) as text."""
    if isinstance(value, dict):
        return {plain_text(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, str):
        return plain_text(value)
    is_small = isinstance(value, int) and abs(value) < _LARGEST
    is_plain = value is None or is_small or (isinstance(value, float) and isfinite(value))
    return value if is_plain else plain_text(value)


def plain_text(value: Any) -> str:
    """``value`` as text without lone surrogates and NUL."""
    text = hex(value)[:80] if isinstance(value, int) and abs(value) >= _LARGEST else str(value)
    return text.encode("utf-8", errors="replace").decode().replace("\0", "\ufffd")


def plain_error(error: dict[str, Any]) -> dict[str, str]:
    """Code, detail and hint of a job's error, as a row keeps them."""
    return {key: str(error[key])[:2000] for key in ("code", "detail", "hint") if error.get(key)}
