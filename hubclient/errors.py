"""Every error that the client raises, and the exit code that each of them means on the command line.

HubError                        code, detail, hint, field, tensor, expected, received, request_id
├── RefusedError           1    the hub looked at the request and said no
│   ├── NotFoundError           404: absent, or private to somebody else
│   ├── WithdrawnError          410
│   ├── ConflictError           409
│   │   └── BaseMismatchError   the adapter does not fit the base model: tensor and both shapes
│   ├── RateLimitedError        429, after the last retry
│   ├── RejectedError           validation or review rejected what was pushed
│   └── JobFailedError          the job itself failed or was cancelled
├── UsageError             2    the request could not be formed: wrong argument, missing extra
├── NetworkError           3    no usable answer from the hub
│   ├── WaitTimeoutError        the job did not end in the time allowed
│   └── StoreRefusedError       the object store refused an address that the hub gave, also a fresh one
├── NotPermittedError      4    401 and 403: no token, a wrong one, or not allowed
└── IntegrityError         5    the bytes are not those that were promised
    ├── UnsafePathError         a file name that would leave its folder
    └── StitchError             a tensor of the file is not in the model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class HubError(Exception):
    """Base of all errors of the client; `code` is stable, `detail` is one sentence for a person."""

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "hub_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        field: str | None = None,
        tensor: str | None = None,
        expected: Any = None,
        received: Any = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.hint = hint
        self.field = field
        self.tensor = tensor
        self.expected = expected
        self.received = received
        self.status = status
        self.request_id = request_id

    def as_dict(self) -> dict[str, Any]:
        """The error in the hub's own JSON shape, without the parts that do not apply."""
        parts = {
            "code": self.code,
            "detail": self.detail,
            "field": self.field,
            "hint": self.hint,
            "tensor": self.tensor,
            "expected": self.expected,
            "received": self.received,
            "request_id": self.request_id,
        }
        return {name: value for name, value in parts.items() if value is not None}


class RefusedError(HubError):
    """The hub said no, and says why."""

    default_code = "refused"


class NotFoundError(RefusedError):
    """404: absent, or private and not ours to see."""

    default_code = "not_found"


class WithdrawnError(RefusedError):
    """410: it was published once and is not served any more; `digests` are the SHA-256 of what to use no longer."""

    default_code = "withdrawn"

    def __init__(self, detail: str, *, digests: Sequence[str] = (), **parts: Any) -> None:
        super().__init__(detail, **parts)
        self.digests = tuple(digests)


class ConflictError(RefusedError):
    """409: the request contradicts what the hub already holds."""

    default_code = "conflict"


class BaseMismatchError(ConflictError):
    """The adapter's tensors do not fit the base model asked for."""

    default_code = "base_mismatch"


class RateLimitedError(RefusedError):
    """429, still, after the last retry."""

    default_code = "rate_limited"


class RejectedError(RefusedError):
    """What was pushed was found invalid or was rejected by a reviewer; `revision` is the hub's full record."""

    default_code = "rejected"

    def __init__(self, detail: str, *, revision: Mapping[str, Any] | None = None, **parts: Any) -> None:
        super().__init__(detail, **parts)
        self.revision = dict(revision or {})


class JobFailedError(RefusedError):
    """A job ended without success."""

    default_code = "job_failed"


class UsageError(HubError):
    """The request cannot be formed from what was given."""

    exit_code = 2
    default_code = "usage"


class NetworkError(HubError):
    """The hub could not be reached, or something between answered for it."""

    exit_code = 3
    default_code = "network"


class WaitTimeoutError(NetworkError):
    """The work goes on at the hub, but the time allowed for waiting is over."""

    default_code = "wait_timeout"


class StoreRefusedError(NetworkError):
    """The object store, not the hub, said no: the presigned address ran out, or was never right."""

    default_code = "store_refused"


class NotPermittedError(HubError):
    """401 and 403."""

    exit_code = 4
    default_code = "not_permitted"


class IntegrityError(HubError):
    """Bytes that are not those promised; nothing of them is kept."""

    exit_code = 5
    default_code = "digest_mismatch"


class UnsafePathError(IntegrityError):
    """A file name that would leave its folder, or that some system could not hold."""

    default_code = "path_refused"


class StitchError(IntegrityError):
    """The model does not hold every tensor of the adapter file."""

    default_code = "stitch_incomplete"


_BY_STATUS: Mapping[int, type[HubError]] = {
    401: NotPermittedError,
    403: NotPermittedError,
    404: NotFoundError,
    409: ConflictError,
    410: WithdrawnError,
    429: RateLimitedError,
}
_HINTS = {"digest_mismatch": "Push again: the upload is open, and only that file is sent again."}
_BY_CODE: Mapping[str, type[HubError]] = {
    "base_mismatch": BaseMismatchError,
    "digest_mismatch": IntegrityError,
    "size_mismatch": IntegrityError,
}


def error_of_job(code: str, detail: str) -> HubError:
    """The typed error for a job that ended badly."""
    kind = _BY_CODE.get(code, JobFailedError)
    return kind(detail, code=code, hint=_HINTS.get(code))


def error_from_answer(status: int, body: Any, *, url: str = "") -> HubError:
    """The typed error for a hub answer of 400 and above; a body that is not the hub's becomes a NetworkError."""
    if not isinstance(body, Mapping) or not isinstance(body.get("code"), str):
        return _foreign_answer(status, url)
    parts = {name: body.get(name) for name in ("hint", "field", "tensor", "expected", "received", "request_id")}
    kind = _BY_CODE.get(body["code"]) or _BY_STATUS.get(status) or (NetworkError if status >= 500 else RefusedError)
    if kind is WithdrawnError:
        parts["digests"] = [str(digest) for digest in body.get("digests") or ()]
    return kind(str(body.get("detail") or body["code"]), code=body["code"], status=status, **parts)


def _foreign_answer(status: int, url: str) -> HubError:
    kind = NotPermittedError if status in (401, 403) else NetworkError
    return kind(
        f"{url or 'The server'} answered {status} without the hub's error form.",
        code="unexpected_answer",
        status=status,
        hint="Check that HUB_URL is the hub's own address and that nothing between answers for it.",
    )
