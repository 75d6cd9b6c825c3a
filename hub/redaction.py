"""Cuts secrets out of text: tokens, passwords in URLs, signatures of presigned URLs. Every log line passes here."""

import re
from typing import Any

CUT = "[cut]"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A token of this hub, wherever it stands.
    (re.compile(r"\bhub_[A-Za-z0-9_\-]{8,}"), f"hub_{CUT}"),
    # Authorization: Bearer ..., Basic ...; also as Python and JSON print a header.
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9+/=._~\-]{12,}"), rf"\1\2{CUT}"),
    # scheme://user:password@host
    (re.compile(r"(?i)\b([a-z][a-z0-9+.\-]*://[^\s/:@?#]*):[^\s/@]*@"), rf"\1:{CUT}@"),
    # Parameters of a presigned URL (versions 4 and 2 of the signature), of the hub's own signed URLs, and passwords.
    (
        re.compile(
            r"(?i)\b(x-amz-(?:signature|credential|security-token)|awsaccesskeyid|signature|token|password|secret)"
            r"(=|%3D)[^\s&\"'<>]+"
        ),
        rf"\1\2{CUT}",
    ),
    # What botocore says at DEBUG: a signature on a line of its own, and headers of the request that was signed.
    (re.compile(r"\b(Signature:\s+)[A-Za-z0-9+/=]{20,}"), rf"\1{CUT}"),
    (re.compile(r"\b(AWS4-HMAC-SHA256 Credential=)[^\s,]+"), rf"\1{CUT}"),
    (re.compile(r"(?i)\b(x-amz-security-token[\"']?\s*:\s*b?[\"']?)[^\s\"',}]+"), rf"\1{CUT}"),
    # "password": "...", 'secret_key': '...'
    (
        re.compile(
            r"(?i)([\"'](?:[a-z_\-]*password|[a-z_\-]*secret[a-z_\-]*|authorization|cookie)[\"']\s*[:=]\s*)([\"']).*?\2"
        ),
        rf"\1\2{CUT}\2",
    ),
)


def redact(text: str) -> str:
    """``text`` without what would let its reader act as somebody else."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any) -> Any:
    """The same for every string inside a value of dicts and lists; other values stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_value(item) for item in value]
    return value
