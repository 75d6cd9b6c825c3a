"""Every answer of an evaluation as canonical JSON: the same answers give the same digest on every machine.

Keys are sorted, separators compact, text is UTF-8, and numbers with a fraction are rounded to six decimals: libraries
that differ in the last bits of a probability still agree.
"""

import hashlib
import json
import zlib
from typing import Any

_DECIMALS = 6


def canonical_json(predictions: dict[str, Any]) -> bytes:
    """The columns as bytes. Raises ValueError for a number that JSON cannot hold."""
    text = json.dumps(_rounded(predictions), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", errors="replace")


def pack(predictions: dict[str, Any]) -> tuple[bytes, str]:
    """The deflated canonical JSON, and the SHA-256 of the JSON."""
    plain = canonical_json(predictions)
    return zlib.compress(plain, 9), hashlib.sha256(plain).hexdigest()


def unpack(deflated: bytes) -> dict[str, Any]:
    """The columns that :func:`pack` deflated."""
    columns: dict[str, Any] = json.loads(zlib.decompress(deflated))
    return columns


def digest_of(deflated: bytes) -> str:
    """SHA-256 of the canonical JSON in what :func:`pack` made."""
    return hashlib.sha256(zlib.decompress(deflated)).hexdigest()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        # Adding zero turns -0.0 into 0.0.
        return round(value, _DECIMALS) + 0.0
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
