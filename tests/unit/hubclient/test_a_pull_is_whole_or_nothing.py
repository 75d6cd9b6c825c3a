"""Downloads continue where they broke, every byte is verified, and a destination appears all at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hubclient import Hub
from hubclient.cache import BlobCache
from hubclient.errors import IntegrityError, NetworkError, UsageError
from tests.unit.hubclient.small_hub import SmallHub

WEIGHTS = bytes(range(256)) * 8000
FILES = {"adapter_config.json": b"{}", "sub/adapter_model.safetensors": WEIGHTS}
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture(autouse=True)
def content(small_hub: SmallHub) -> None:
    """Give the hub something to serve."""
    small_hub.blobs = dict(FILES)


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_exactly_the_files_of_the_plan(hub: Hub, tmp_path: Path):
    assert held(hub.pull("team/one@0.1.0", tmp_path / "dest")) == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_second_pull_transfers_nothing(hub: Hub, small_hub: SmallHub, tmp_path: Path):
    hub.pull("team/one", tmp_path / "dest")
    small_hub.requests.clear()
    again = hub.pull_with_plan("team/one", tmp_path / "dest")
    elsewhere = hub.pull_with_plan("team/one", tmp_path / "elsewhere")
    assert (again.transferred_bytes, elsewhere.transferred_bytes) == (0, 0)
    assert held(tmp_path / "elsewhere") == FILES
    assert not small_hub.asked("GET", "/blob/")


def test_a_broken_download_continues_by_range(hub: Hub, small_hub: SmallHub, tmp_path: Path):
    small_hub.blobs = {"w.safetensors": WEIGHTS}
    small_hub.cut_after = [1_200_000, 300_000]
    assert held(hub.pull("team/one", tmp_path / "dest")) == {"w.safetensors": WEIGHTS}
    ranges = [each[3] for each in small_hub.asked("GET", "/blob/")]
    assert ranges[0] is None
    assert len(ranges) == 3
    starts = [int(each.removeprefix("bytes=").rstrip("-")) for each in ranges[1:] if each]
    assert starts == sorted(starts)
    assert starts[0] > 0


def test_a_killed_client_continues_where_it_was(hub: Hub, small_hub: SmallHub, home: Path, tmp_path: Path):
    small_hub.blobs = {"w.safetensors": WEIGHTS}
    with BlobCache(home / "cache").open_partial(DIGEST) as (file, _):
        file.write(WEIGHTS[:1_000_000])
    result = hub.pull_with_plan("team/one", tmp_path / "dest")
    assert [each[3] for each in small_hub.asked("GET", "/blob/")] == ["bytes=1000000-"]
    assert result.transferred_bytes == len(WEIGHTS) - 1_000_000
    assert held(result.folder) == {"w.safetensors": WEIGHTS}


def test_a_spoilt_part_from_before_is_thrown_away_and_fetched_anew(
    hub: Hub, small_hub: SmallHub, home: Path, tmp_path: Path
):
    with BlobCache(home / "cache").open_partial(DIGEST) as (file, _):
        file.write(b"garbage")
    assert held(hub.pull("team/one", tmp_path / "dest")) == FILES


def test_wrong_bytes_are_an_integrity_error_and_leave_nothing(
    hub: Hub, small_hub: SmallHub, home: Path, tmp_path: Path
):
    small_hub.promised = {"sub/adapter_model.safetensors": "0" * 64}
    with pytest.raises(IntegrityError) as caught:
        hub.pull("team/one", tmp_path / "dest")
    assert (caught.value.code, caught.value.exit_code) == ("digest_mismatch", 5)
    assert not (tmp_path / "dest").exists()
    kept = [path for path in (home / "cache").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"{}"]


def test_a_server_that_stays_broken_leaves_no_short_file(hub: Hub, small_hub: SmallHub, tmp_path: Path, home: Path):
    small_hub.cut_after = [0] * 50
    with pytest.raises(NetworkError):
        hub.pull("team/one", tmp_path / "dest")
    assert not (tmp_path / "dest").exists()
    assert {path.suffix for path in (home / "cache").rglob("*") if path.is_file()} <= {".partial"}


def test_a_damaged_file_in_the_cache_is_never_used(hub: Hub, small_hub: SmallHub, home: Path, tmp_path: Path):
    hub.pull("team/one", tmp_path / "first")
    blob = BlobCache(home / "cache").blob_path(DIGEST)
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.write(b"damage")
    assert held(hub.pull("team/one", tmp_path / "second")) == FILES


def test_small_files_may_be_edited_without_harm_to_the_cache(hub: Hub, tmp_path: Path):
    hub.pull("team/one", tmp_path / "first")
    (tmp_path / "first" / "adapter_config.json").write_text("edited")
    assert held(hub.pull("team/one", tmp_path / "second")) == FILES


def test_something_else_at_the_destination_is_kept_unless_forced(hub: Hub, tmp_path: Path):
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "mine.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        hub.pull("team/one", dest)
    assert caught.value.code == "destination_occupied"
    assert held(dest) == {"mine.txt": b"mine"}
    assert held(hub.pull("team/one", dest, is_forced=True)) == FILES


def test_two_processes_do_not_write_one_partial_file(home: Path):
    cache = BlobCache(home / "cache")
    with cache.open_partial(DIGEST) as (_, first), cache.open_partial(DIGEST) as (_, second):
        assert first != second
    assert not second.exists()
