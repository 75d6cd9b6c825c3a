"""Names of things in the store. They hold digests and random ids, never anything a user typed."""

import re

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_STAGING = re.compile(r"[0-9a-f]{32}(/[0-9]{1,6})?")


def blob_key(sha256: str) -> str:
    """``blobs/ab/cd/abcd...``: two levels, so that no folder holds too many names."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {sha256[:80]!r}")
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def staging_key(upload_hex: str, file_index: int | None = None) -> str:
    """Key of one staged file of an upload, or of the whole upload when ``file_index`` is None."""
    key = upload_hex if file_index is None else f"{upload_hex}/{file_index}"
    return checked_staging(key)


def checked_staging(key: str) -> str:
    """``key`` itself, if it is a staging key. Raises ValueError otherwise."""
    if not _STAGING.fullmatch(key):
        raise ValueError(f"not a staging key: {key[:80]!r}")
    return key


def is_upload_hex(name: str) -> bool:
    """Whether ``name`` is an upload's id in hexadecimal, as staging keys begin."""
    return bool(_UPLOAD.fullmatch(name))
