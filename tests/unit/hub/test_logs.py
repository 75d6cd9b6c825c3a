"""What the hub logs: one line a request with its id, JSON where machines read it, no secret, not even in a trace."""

import io
import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import structlog
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from django.test import Client

from hub.logs import logging_settings
from hub.redaction import redact
from tests.unit.catalog.factories import make_user
from tests.unit.hub.calling import API, client_of

Lines = Callable[[], list[dict[str, Any]]]
SECRETS = {
    "a token of the hub": "hub_Zk3vS9d8f7g6h5j4k3l2",
    "a bearer header": "Authorization: Bearer abc.def-ghi_123456",
    "a basic header": "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "a password in a URL": "postgres://hub:TopSecret9@db:5432/hub",
    "a password of Redis": "redis://:TopSecret9@redis:6379/0",
    "a presigned URL": "https://s3/b/k?X-Amz-Credential=AKIAEXAMPLE9%2F2026&X-Amz-Signature=0f0f9f9f0f0f9f9f&partNumber=1",
    "a presigned URL of version 2": "https://s3/b/k?AWSAccessKeyId=AKIAEXAMPLE9&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4",
    "a dict with a password": "{'username': 'x', 'password': 'TopSecret9'}",
    "a signature as botocore prints it": "Signature:\n0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f",
    "a signed header": "Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE9/2026/r, Signature=0f0f9f9f",
    "a signed header in a dict": "{'Authorization': b'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE9/x, Signature=0f0f9f9f'}",
    "a session token": "x-amz-security-token:TopSecret9//////////wEaD",
}
WORTHLESS = {
    "a digest": "blob 0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f0f0f9f9f",
    "an adapter": "team/hub-adapter@1.0.0",
    "a URL": "https://example.org:8443/a/b?page=2",
    "a sentence": "the token bearer changed, basic checks passed",
}


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines that were logged as JSON since the test began."""
    stream = io.StringIO()
    configured = logging_settings(format="json", level="DEBUG")
    formatter = configured["formatters"]["hub"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**{k: v for k, v in formatter.items() if k != "()"}))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_cut_out(kind: str) -> None:
    cut = redact(f"before {SECRETS[kind]} after")
    assert "[cut]" in cut
    for secret in ("Zk3vS9d8", "abc.def", "dXNlcj", "TopSecret9", "0f0f9f9f", "AKIAEXAMPLE9", "vjbyPxy"):
        assert secret not in cut
    assert cut.startswith("before ")
    assert cut.endswith(" after")


@pytest.mark.parametrize("kind", WORTHLESS)
def test_what_is_no_secret_stays(kind: str) -> None:
    assert redact(WORTHLESS[kind]) == WORTHLESS[kind]


@pytest.mark.django_db
def test_each_request_leaves_one_line_that_says_who_what_how_and_how_long(lines: Lines) -> None:
    user = make_user("reader")
    answer = client_of(user).get(f"{API}/whoami?page=2", headers={"X-Request-ID": "from-the-proxy.7"})
    (line,) = [line for line in lines() if line["logger"] == "hub.access"]
    assert answer["X-Request-ID"] == line["request_id"] == "from-the-proxy.7"
    assert line["route"] == "api/v1/whoami"
    assert (line["method"], line["status"], line["user_id"], line["level"]) == ("GET", 200, user.pk, "info")
    assert line["duration_ms"] > 0
    assert line["time"].endswith("Z")


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "new\nline", '{"json":1}', "<script>"])
def test_an_id_that_is_not_plain_is_replaced(given: str) -> None:
    answer = Client().get("/healthz", headers={"X-Request-ID": given})
    assert answer["X-Request-ID"] != given
    assert len(answer["X-Request-ID"]) == 32


@pytest.mark.django_db
def test_no_secret_of_a_real_request_reaches_the_log(lines: Lines) -> None:
    client = Client()
    for secret in ("hub_Zk3vS9d8f7g6h5j4k3l2", "Zk3vS9d8f7g6h5j4"):
        client.get(f"{API}/whoami", headers={"Authorization": f"Bearer {secret}"})
        client.get(f"{API}/adapters?q={secret}&X-Amz-Signature=Zk3vS9d8f7")
        client.get(f"/hub_Zk3vS9d8f7g6h5j4k3l2/x?token={secret}")
    client.post("/login/", {"username": "reader", "password": "Zk3vS9d8f7g6h5j4"})
    logged = json.dumps(lines())
    assert logged.count('"hub.access"') == 7
    assert "Zk3vS9d8" not in logged


def test_a_trace_is_cut_too(lines: Lines) -> None:
    try:
        raise ValueError("cannot reach https://s3/k?X-Amz-Signature=Zk3vS9d8f7 with Bearer Zk3vS9d8f7g6")
    except ValueError:
        logging.getLogger("anything").exception("it failed for %s", {"token": "hub_Zk3vS9d8f7g6h5j4k3l2"})
    (line,) = lines()
    assert "Traceback" in line["exception"]
    assert "Zk3vS9d8" not in json.dumps(line)


def test_lines_for_people_hold_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    formatter = logging_settings(format="text", level="INFO")["formatters"]["hub"]
    shape = structlog.stdlib.ProcessorFormatter(**{name: value for name, value in formatter.items() if name != "()"})
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "job %s", "args": ("7",), "job_id": "7"})
    text = shape.format(record)
    assert text.endswith("INFO x: job 7 job_id=7")


def says_of_boto(level: str, monkeypatch: pytest.MonkeyPatch, **loosened: str) -> str:
    """What a signed request and a presigned URL leave in the log of a process with this level."""
    for name, value in {
        "ACCESS_KEY_ID": "AKIAEXAMPLE9",
        "SECRET_ACCESS_KEY": "k",
        "SESSION_TOKEN": "TopSecret9",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    configured = logging_settings(format="json", level=level)
    configured["loggers"] |= {name: {"level": low} for name, low in loosened.items()}
    stream = io.StringIO()
    configured["handlers"]["console"]["stream"] = stream
    root = logging.getLogger()
    before, handlers = root.level, list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in configured["loggers"]}
    try:
        logging.config.dictConfig(configured)
        client = boto3.session.Session().client("s3", endpoint_url="http://127.0.0.1:9", region_name="r", config=Config(
            connect_timeout=1, retries={"total_max_attempts": 1}))  # fmt: skip
        client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        with pytest.raises(EndpointConnectionError):
            client.put_object(Bucket="b", Key="k", Body=b"x")
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
        for name, kept in levels.items():
            logging.getLogger(name).setLevel(kept)
    return stream.getvalue()


def test_the_library_of_the_store_says_nothing_of_its_requests_even_at_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in says_of_boto("DEBUG", monkeypatch).splitlines()]
    assert [line["event"] for line in lines if line["level"] == "debug"] == []


def test_what_it_would_say_is_cut_if_somebody_lets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = says_of_boto("DEBUG", monkeypatch, botocore="DEBUG", urllib3="DEBUG", boto3="DEBUG")
    assert "StringToSign" in said
    assert "Signature:\\n[cut]" in said
    assert "TopSecret9" not in said
    assert not re.search(r"Signature(=|%3D|:\\n)[0-9a-f]{64}", said)
