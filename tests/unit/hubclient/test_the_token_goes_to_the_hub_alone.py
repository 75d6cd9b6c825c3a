"""The bearer token is sent to the hub's own scheme, host and port: not to a store, not along a redirect."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from hubclient import Hub
from hubclient.config import origin_of
from hubclient.connection import Connection
from hubclient.errors import IntegrityError, NetworkError, StoreRefusedError, UsageError
from tests.unit.hubclient.small_hub import SmallHub


def test_a_store_on_another_port_never_sees_it(hub: Hub, small_hub: SmallHub, other_origin: SmallHub, tmp_path: Path):
    small_hub.blobs = other_origin.blobs = {"a.json": b"{}"}
    small_hub.file_origin = other_origin.url
    hub.pull("team/one", tmp_path / "dest")
    assert [each[2] for each in small_hub.asked("POST", "/resolve")] == ["Bearer hub_right"]
    assert [each[2] for each in other_origin.asked("GET", "/blob/")] == [None]


def answering(*answers: httpx.Response, seen: list[httpx.Request], url: str = "https://hub.example") -> Connection:
    """Return a connection whose server gives these answers in turn."""
    pending = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return pending.pop(0)

    return Connection(url, "hub_secret", transport=httpx.MockTransport(handle), sleep=lambda seconds: None)


def authorizations(seen: list[httpx.Request]) -> list[str | None]:
    return [request.headers.get("Authorization") for request in seen]


def test_a_download_that_is_redirected_loses_it_and_gets_it_back_at_home():
    seen: list[httpx.Request] = []
    away = httpx.Response(302, headers={"Location": "https://store.example/x?signature=1"})
    home = httpx.Response(302, headers={"Location": "https://hub.example/y"})
    connection = answering(away, home, httpx.Response(200, content=b"x"), seen=seen)
    with connection.stream("/api/v1/file", {}) as answer:
        answer.read()
    assert authorizations(seen) == ["Bearer hub_secret", None, "Bearer hub_secret"]


@pytest.mark.parametrize(
    "url", ["https://hub.example:8443/x", "https://hub.example.evil.test/x", "https://other.example/x"]
)
def test_a_part_for_another_origin_is_sent_without_it(url: str):
    seen: list[httpx.Request] = []
    connection = answering(httpx.Response(200), seen=seen)
    connection.put_part(url, lambda: iter([b"abc"]), 3)
    assert authorizations(seen) == [None]
    assert seen[0].headers["Content-Length"] == "3"
    assert "Transfer-Encoding" not in seen[0].headers


def test_https_is_not_left_for_http():
    seen: list[httpx.Request] = []
    connection = answering(httpx.Response(302, headers={"Location": "http://hub.example/x"}), seen=seen)
    with pytest.raises(IntegrityError) as caught, connection.stream("/x", {}):
        pass
    assert caught.value.code == "insecure_redirect"
    assert len(seen) == 1


def test_an_api_call_is_never_redirected():
    seen: list[httpx.Request] = []
    connection = answering(httpx.Response(307, headers={"Location": "https://evil.test/"}), seen=seen)
    with pytest.raises(NetworkError) as caught:
        connection.call("GET", "/whoami")
    assert caught.value.code == "redirected"
    assert len(seen) == 1


def test_an_error_never_shows_the_signature_of_a_presigned_url():
    seen: list[httpx.Request] = []
    connection = answering(httpx.Response(400, text="<Error/>"), seen=seen)
    with pytest.raises(NetworkError) as caught:
        connection.put_part("https://store.example/x?signature=secret", lambda: iter([b""]), 0)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_a_store_refuses_is_a_matter_of_addresses_and_not_of_permission(status: int):
    connection = answering(httpx.Response(status, text="<Error/>"), seen=[])
    with pytest.raises(StoreRefusedError) as caught:
        connection.put_part("https://store.example/x?X-Amz-Signature=secret", lambda: iter([b""]), 0)
    assert caught.value.exit_code == 3
    assert "secret" not in str(caught.value) + str(caught.value.hint)


def test_a_log_shows_no_signature_either(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="httpx")
    connection = answering(httpx.Response(200), httpx.Response(200, content=b"x"), seen=[])
    connection.put_part("https://store.example/x?X-Amz-Signature=secret", lambda: iter([b""]), 0)
    with connection.stream("https://store.example/y?X-Amz-Signature=secret", {}) as answer:
        answer.read()
    assert "https://store.example/x" in caplog.text
    assert "secret" not in caplog.text.replace("hub_secret", "")


def test_default_ports_and_case_do_not_make_another_origin():
    assert origin_of("HTTPS://Hub.Example/a") == origin_of("https://hub.example:443") == "https://hub.example:443"


@pytest.mark.parametrize(
    "url", ["ftp://x", "hub.example", "http://", "https://user:pass@hub.example", "http://x:99999"]
)
def test_what_is_no_hub_address_is_wrong_usage(url: str):
    with pytest.raises(UsageError):
        origin_of(url)
