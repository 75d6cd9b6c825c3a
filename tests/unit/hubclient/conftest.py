"""A small server, a clean home for the client's files, and a folder worth pushing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubclient import Hub
from tests.unit.hubclient.small_hub import SmallHub, serve


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep config and cache below this test's own folder, and no identity from outside."""
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "home" / "config.json"))
    monkeypatch.setenv("HUB_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("HUB_URL", raising=False)
    monkeypatch.delenv("HUB_TOKEN", raising=False)
    return tmp_path / "home"


@pytest.fixture
def small_hub() -> Iterator[SmallHub]:
    """Return a running small hub."""
    hub = SmallHub()
    server = serve(hub)
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_origin() -> Iterator[SmallHub]:
    """Return a second server, which stands for an object store."""
    store = SmallHub()
    server = serve(store)
    yield store
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(small_hub: SmallHub) -> Iterator[Hub]:
    """Return a client of it that does not really wait between attempts."""
    with Hub(small_hub.url, "hub_right") as client:
        client.connection.sleep = lambda seconds: None
        yield client


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Return a folder of two files, one of three parts and a half."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "adapter_model.safetensors").write_bytes(bytes(range(250)) * 14)
    return folder
