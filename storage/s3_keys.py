"""Where staged parts lie in a bucket, and what their keys tell."""

from storage.keys import blob_key, checked_staging, is_upload_hex

STAGING = "staging/"
BLOBS = "blobs/"


def staged_prefix(staging: str) -> str:
    """The trailing slash keeps file 1 of an upload apart from file 10."""
    return f"{STAGING}{checked_staging(staging)}/"


def part_key(staging: str, number: int) -> str:
    """The object of one received part."""
    return f"{staged_prefix(staging)}{number:06d}"


def upload_hex_of(key: str) -> str | None:
    """The upload that a key below ``staging/`` belongs to, or None for what the hub did not put there."""
    name = key.removeprefix(STAGING).partition("/")[0]
    return name if is_upload_hex(name) else None


def is_blob_key(key: str) -> bool:
    """Whether ``key`` is the place of a blob."""
    try:
        return key == blob_key(key.rpartition("/")[2])
    except ValueError:
        return False
