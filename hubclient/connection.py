"""The one place that speaks HTTP: retries with jitter, the hub's errors as exceptions, and the rule for the token."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from .config import origin_of
from .errors import HubError, IntegrityError, NetworkError, StoreRefusedError, error_from_answer

API_PREFIX = "/api/v1"
PASSING_STATUSES = frozenset({429, 502, 503, 504})
REFUSED_UNTOUCHED = frozenset({429, 503})
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
MAX_ATTEMPTS = 6
MAX_DELAY_SECONDS = 30.0
MAX_RETRY_AFTER_SECONDS = 120.0
MAX_REDIRECTS = 5


class _WithoutQueries(logging.Filter):
    """httpx logs every URL in full at level INFO; in the query of a presigned one lies its secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut each URL among the arguments, and let the record pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(_shown(str(each)) if isinstance(each, httpx.URL) else each for each in record.args)
        return True


logging.getLogger("httpx").addFilter(_WithoutQueries())


class OriginAuth(httpx.Auth):
    """Sends the bearer token to one origin (scheme, host and port) and to nobody else."""

    def __init__(self, url: str, token: str | None) -> None:
        self.origin = origin_of(url)
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Set or remove the header on the way out; never both an own and a foreign one."""
        request.headers.pop("Authorization", None)
        if self.token and origin_of(str(request.url)) == self.origin:
            request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


class Connection:
    """An HTTP connection to one hub. `transport` and `sleep` can be replaced, which tests use to inject failures."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.sleep = sleep or time.sleep
        self._http = httpx.Client(
            auth=OriginAuth(self.url, token),
            transport=transport,
            timeout=httpx.Timeout(60.0, connect=10.0),
            follow_redirects=False,
            headers={"User-Agent": "hubclient/0.1", "Accept": "application/json"},
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def is_own_origin(self, url: str) -> bool:
        """Whether a URL is the hub's own, so that the token goes there."""
        return origin_of(url) == origin_of(self.url)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        is_repeatable: bool | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Any:
        """One API call; `path` is below `/api/v1`. Returns the parsed body, or None for 204.

        A call that is not repeatable (a POST, unless said otherwise) is sent again only when the hub cannot
        have acted on it. Raises the HubError that fits the answer, NetworkError when there is none.
        """
        is_again = method != "POST" if is_repeatable is None else is_repeatable
        kept = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        extra: dict[str, Any] = {"auth": httpx.BasicAuth(*basic)} if basic else {}

        def send() -> httpx.Response:
            return self._http.request(method, self.url + API_PREFIX + path, json=json, params=kept, **extra)

        return _body_of(self.attempt(send, is_repeatable=is_again))

    def put_part(self, url: str, content: Callable[[], Iterable[bytes]], size_bytes: int) -> Any:
        """Send one part's bytes; `content` is called once an attempt. Returns the answer, or None if it is no JSON.

        Safe to call from several threads. Raises StoreRefusedError when an object store wants a fresh URL.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
        target = urljoin(self.url + "/", url)
        answer = self.attempt(lambda: self._http.put(target, content=content(), headers=headers))
        if answer.status_code >= 400:
            raise self._error_of(target, answer)
        return _body_of(answer, is_json_needed=False)

    def post_form(self, path: str, *, manifest: Mapping[str, Any], files: Mapping[str, Path]) -> Any:
        """Send a form of a manifest and named files, each read from its file; safe to repeat. As `call` otherwise."""
        fields = {"manifest": dumps(manifest, ensure_ascii=False)}

        def send() -> httpx.Response:
            with ExitStack() as stack:
                opened = {name: (file.name, stack.enter_context(file.open("rb"))) for name, file in files.items()}
                return self._http.post(self.url + API_PREFIX + path, data=fields, files=opened)

        return _body_of(self.attempt(send))

    def get_text(self, path: str, params: Mapping[str, Any]) -> str:
        """A small answer that is no JSON, such as a picture. Raises as `call`."""
        answer = self.attempt(lambda: self._http.get(self.url + API_PREFIX + path, params=dict(params)))
        if answer.status_code >= 400:
            raise error_from_answer(answer.status_code, _json_or_none(answer), url=_shown(str(answer.url)))
        return answer.text

    def _error_of(self, target: str, answer: httpx.Response) -> HubError:
        """The hub's own error, or StoreRefusedError for what another server does not take."""
        if self.is_own_origin(target) or answer.status_code >= 500:
            return error_from_answer(answer.status_code, _json_or_none(answer), url=_shown(target))
        return StoreRefusedError(
            f"{_shown(target)} answered {answer.status_code} to an address that the hub gave.",
            status=answer.status_code,
            hint="Try again; if it stays so, the clocks of hub and store may differ.",
        )

    def attempt(self, send: Callable[[], httpx.Response], *, is_repeatable: bool = True) -> httpx.Response:
        """Run `send` until its answer is not of a passing kind. Raises NetworkError when the last try got none."""
        for number in range(1, MAX_ATTEMPTS + 1):
            is_last = number == MAX_ATTEMPTS
            try:
                answer = send()
            except httpx.TransportError as error:
                if is_last or not (is_repeatable or isinstance(error, NOT_SENT)):
                    raise network_error(self.url, error) from error
                self.sleep(delay_seconds(number))
                continue
            repeatable_statuses = PASSING_STATUSES if is_repeatable else REFUSED_UNTOUCHED
            delay = delay_seconds(number, answer.headers.get("Retry-After"))
            if is_last or answer.status_code not in repeatable_statuses or delay > MAX_RETRY_AFTER_SECONDS:
                return answer
            self.sleep(delay)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a download, following redirects by hand: each hop gets the token only if it is the hub itself.

        Yields any answer below 400, and 416; raises the fitting HubError for the others (one try, no retry).
        """
        target = urljoin(self.url + "/", url)
        for _ in range(MAX_REDIRECTS + 1):
            request = self._http.build_request("GET", target, headers={"Accept-Encoding": "identity", **headers})
            answer = self._http.send(request, stream=True)
            try:
                if answer.is_redirect:
                    target = _next_hop(target, answer)
                    continue
                if answer.status_code >= 400 and answer.status_code != 416:
                    answer.read()
                    raise self._error_of(target, answer)
                yield answer
                return
            finally:
                answer.close()
        raise NetworkError(f"More than {MAX_REDIRECTS} redirects from {_shown(url)}.", code="too_many_redirects")


def delay_seconds(attempt: int, retry_after: str | None = None) -> float:
    """How long to wait before the next attempt: what the server asks, else 0.25 s doubling, spread by half."""
    if retry_after:
        try:
            return max(0.0, float(retry_after)) + random.uniform(0, 0.25)
        except ValueError:
            try:
                return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
            except (ValueError, TypeError):
                pass
    return min(MAX_DELAY_SECONDS, 0.25 * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.5)


def network_error(url: str, error: Exception) -> NetworkError:
    """A NetworkError that says which hub could not be reached, and how it failed."""
    what = str(error) or type(error).__name__
    return NetworkError(
        f"No answer from {url}: {what}.", code="unreachable", hint="Is the hub running, and is HUB_URL right?"
    )


def _body_of(answer: httpx.Response, *, is_json_needed: bool = True) -> Any:
    shown = _shown(str(answer.url))
    if answer.is_redirect:
        place = _shown(urljoin(str(answer.url), answer.headers.get("Location", "")))
        raise NetworkError(
            f"{shown} answered with a redirect to {place}.",
            code="redirected",
            hint="Set HUB_URL to the hub's final address; the token is not sent along a redirect.",
        )
    body = _json_or_none(answer)
    if answer.status_code >= 400:
        raise error_from_answer(answer.status_code, body, url=shown)
    if body is None and answer.status_code != 204 and is_json_needed:
        raise NetworkError(f"{shown} answered without JSON.", code="unexpected_answer", hint="Is HUB_URL right?")
    return body


def _json_or_none(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _next_hop(target: str, answer: httpx.Response) -> str:
    following = urljoin(target, answer.headers["Location"])
    if target.startswith("https:") and not following.startswith("https:"):
        raise IntegrityError(f"{_shown(target)} redirects away from HTTPS.", code="insecure_redirect")
    origin_of(following)
    return following


def _shown(url: str) -> str:
    """A URL without its query, where a presigned one keeps its secret."""
    return url.split("?", 1)[0]
