"""The demonstration talks to the hub it started and to no other."""

import socket
from pathlib import Path

import pytest

from demo.hub_process import HubNotRunningError, HubProcess


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        hub = HubProcess(tmp_path / "hub", other.getsockname()[1])
        with pytest.raises(HubNotRunningError, match="in use"):
            hub.__enter__()
    assert not hub.data_folder.exists()


def test_settings_of_another_hub_do_not_reach_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_BROKER_URL", "redis://elsewhere")
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere")
    environment = HubProcess(tmp_path / "hub", 8000)._environment()
    assert environment["HUB_DATA_DIR"] == str((tmp_path / "hub").resolve())
    assert not {"HUB_BROKER_URL", "DATABASE_URL"} & set(environment)
