"""What an ``s3://`` storage URL says: bucket, endpoint, region and prefix. Credentials never stand in it."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_SETTINGS = ("endpoint", "public", "region", "prefix", "direct")
_FORM = "s3://bucket?endpoint=https://host:port&region=name&prefix=folder"
_WORDS = {"yes": True, "no": False}


@dataclass(frozen=True)
class S3Location:
    """Where blobs lie on an S3-compatible server.

    ``endpoint`` is empty for AWS itself; ``public`` is where clients reach it, empty where that is the endpoint;
    ``prefix`` is empty or ends with a slash. ``is_direct`` says whether clients may be sent there at all.
    """

    bucket: str
    endpoint: str = ""
    region: str = "us-east-1"
    prefix: str = ""
    public: str = ""
    is_direct: bool = True


def parse_s3_url(url: str) -> S3Location:
    """Read ``s3://bucket?endpoint=...&public=...&region=...&prefix=...&direct=no``; all but the bucket may be left out.

    Raises:
        ValueError: names the part that is wrong; it never repeats a part that may hold a secret.
    """
    split = urlsplit(url)
    _refuse_credentials(split, "the storage URL")
    if split.path.strip("/"):
        raise ValueError(f"an S3 storage URL has no path after the bucket; write {_FORM}")
    if not _BUCKET.fullmatch(split.netloc):
        raise ValueError(f"{split.netloc!r} is no name of an S3 bucket (3 to 63 of a-z, 0-9, dot, dash); write {_FORM}")
    given = _query(split.query)
    region = given.get("region", "us-east-1")
    if not _REGION.fullmatch(region):
        raise ValueError(f"{region!r} is no name of an S3 region; us-east-1 is what most servers expect")
    direct = given.get("direct", "yes")
    if direct not in _WORDS:
        raise ValueError(f"direct is yes or no (clients reach the store themselves, or not); received {direct[:40]!r}")
    return S3Location(
        bucket=split.netloc,
        endpoint=_endpoint("endpoint", given.get("endpoint", "")),
        region=region,
        prefix=_prefix(given.get("prefix", "")),
        public=_endpoint("public", given.get("public", "")),
        is_direct=_WORDS[direct],
    )


def _query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    given = dict(pairs)
    unknown = sorted(name for name in given if name not in _SETTINGS)
    if unknown:
        raise ValueError(f"an S3 storage URL takes {', '.join(_SETTINGS)}; received {unknown[0][:40]!r}")
    if len(given) != len(pairs):
        raise ValueError(f"an S3 storage URL names each of {', '.join(_SETTINGS)} once")
    return given


def _endpoint(name: str, endpoint: str) -> str:
    if not endpoint:
        return ""
    split = urlsplit(endpoint)
    _refuse_credentials(split, f"the {name} of the storage URL")
    if not _ENDPOINT.fullmatch(endpoint):
        raise ValueError(f"the {name} of an S3 storage URL is http://host:port or https://host, and nothing after it")
    return endpoint.rstrip("/")


def _prefix(prefix: str) -> str:
    folder = prefix.strip("/")
    if folder and not _PREFIX.fullmatch(folder):
        raise ValueError(f"{prefix!r} is no prefix: use letters, digits, dot, dash, underscore, and slashes between")
    return f"{folder}/" if folder else ""


def _refuse_credentials(split: SplitResult, what: str) -> None:
    if "@" in split.netloc:
        raise ValueError(f"{what} holds credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")
