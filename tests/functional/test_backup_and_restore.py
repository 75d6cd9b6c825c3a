"""A backup taken while everybody pushes becomes, elsewhere, the same hub: same bytes, names and versions taken."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster import postgres, swift
from hubclient import Hub
from hubclient.errors import ConflictError
from storage.keys import blob_key
from tests.functional.hub_process import Api, HubProcess
from tests.soak.people import Crowd
from tests.soak.run import fsck
from tests.soak.world import World, places, world, write_adapter


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that an unprivileged server can reach."""
    with tempfile.TemporaryDirectory(prefix="backup-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def snapshots(backup: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((backup / "snapshots").glob("*/snapshot.json"))]


@pytest.mark.slow
@pytest.mark.fault("backup at a busy moment, restored elsewhere")
@pytest.mark.parametrize(
    "has_servers",
    [
        pytest.param(False, id="sqlite and a folder"),
        pytest.param(True, id="postgresql and s3", marks=pytest.mark.faults_full),
    ],
)
def test_a_backup_at_a_busy_moment_restores_elsewhere(has_servers: bool, tmp_path: Path):
    if has_servers and (reason := postgres.why_not() or swift.why_not(tmp_path)):
        pytest.skip(reason)
    with (
        open_folder() as folder,
        places(folder, has_postgres=has_servers, has_swift=has_servers) as place,
    ):
        backup = folder / "backup"
        with world(folder / "hub", place("hub")) as old:
            prepare(old, tmp_path)
            with Crowd(old, tmp_path / "people") as crowd:
                time.sleep(6)
                old.hub.manage("backup", str(backup))
                time.sleep(2)
                second = old.hub.manage("backup", str(backup))
            assert crowd.failures == []
            assert not re.search(r"; \d+ copied, 0 here already", second)
        assert [snapshot["missing"] for snapshot in snapshots(backup)] == [[], []]
        elsewhere = HubProcess(folder / "elsewhere", **place("elsewhere"))
        elsewhere.data_dir.mkdir()
        elsewhere.manage("restore", str(backup))
        new = World(elsewhere.start(), Api(elsewhere.url, old.admin.token))
        try:
            assert fsck(new) == []
            check_everything(new, tmp_path)
        finally:
            elsewhere.stop()


def prepare(old: World, tmp_path: Path) -> None:
    """One adapter with a yanked version, and one that was deleted."""
    hub = Hub(old.hub.url, old.admin.token, cache=tmp_path / "cache")
    hub.push(write_adapter(tmp_path / "kept", 100), "open/kept", version="1.0.0")
    hub.push(write_adapter(tmp_path / "newer", 101), "open/kept", version="1.1.0")
    hub.yank("open/kept@1.0.0", "wrong labels")
    hub.push(write_adapter(tmp_path / "gone", 102), "open/gone", version="1.0.0")
    hub.call("DELETE", "/adapters/open/gone")


def check_everything(new: World, tmp_path: Path) -> None:
    """What people rely on."""
    hub = Hub(new.hub.url, new.admin.token, cache=tmp_path / "new-cache")
    published = [entry["full_name"] for entry in hub.search_all()]
    assert len(published) > 1, "the crowd had pushed nothing yet"
    for number, name in enumerate(published):
        hub.pull(name, tmp_path / f"pulled-{number}")
    old = hub.pull("open/kept@1.0.0", tmp_path / "yanked")
    weights = "adapter_model.safetensors"
    assert (old / weights).read_bytes() == (tmp_path / "kept" / weights).read_bytes()
    with pytest.raises(ConflictError, match="never given out again"):
        hub.push(tmp_path / "gone", "open/gone")
    with pytest.raises(ConflictError, match="other files"):
        hub.push(tmp_path / "gone", "open/kept", version="1.0.0")
    assert hub.push(tmp_path / "gone", "open/after").state == "published"


@pytest.fixture(scope="module")
def small_backup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A backup of one adapter, and the adapter."""
    folder = tmp_path_factory.mktemp("small")
    with world(folder / "hub", {}) as made:
        hub = Hub(made.hub.url, made.admin.token, cache=folder / "cache")
        hub.push(write_adapter(folder / "adapter", 1), "open/ner", version="1.0.0")
        made.hub.manage("backup", str(folder / "backup"))
    return folder / "backup", folder / "adapter"


def restore(data_dir: Path, backup: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a data folder; its output and errors together."""
    data_dir.mkdir(exist_ok=True)
    try:
        return subprocess.CompletedProcess([], 0, HubProcess(data_dir).manage("restore", str(backup), *options))
    except subprocess.CalledProcessError as error:
        return subprocess.CompletedProcess([], error.returncode, error.output)


def test_a_restore_replaces_nothing_unless_it_is_forced_to(small_backup: tuple[Path, Path], tmp_path: Path):
    backup, _ = small_backup
    assert restore(tmp_path / "hub", backup).returncode == 0
    assert restore(tmp_path / "hub", backup).returncode == 1
    assert restore(tmp_path / "hub", backup, "--force").returncode == 0


def test_a_restore_that_was_killed_before_its_end_is_simply_repeated(small_backup: tuple[Path, Path], tmp_path: Path):
    backup, _ = small_backup
    half = HubProcess(tmp_path / "hub")
    some = next(path for path in (backup / "blobs").rglob("*") if path.is_file())
    place = half.data_dir / "store" / blob_key(some.name)
    place.parent.mkdir(parents=True)
    place.write_bytes(some.read_bytes()[:10])
    assert restore(half.data_dir, backup).returncode == 0
    assert place.read_bytes() == some.read_bytes()


def test_what_went_wrong_in_the_backup_is_named_and_kept_from_everybody(
    small_backup: tuple[Path, Path], tmp_path: Path
):
    backup, _ = small_backup
    copy = tmp_path / "backup"
    subprocess.run(["cp", "-a", str(backup), str(copy)], check=True)
    weights = next(path for path in (copy / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 500)
    weights.chmod(0o600)
    data = bytearray(weights.read_bytes())
    data[400] ^= 1
    weights.write_bytes(data)
    done = restore(tmp_path / "hub", copy)
    assert done.returncode == 1
    assert weights.name in done.stdout
    hub = HubProcess(tmp_path / "hub")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        hub.manage("fsck", "--json")
    (finding,) = json.loads(failed.value.output.splitlines()[-1])["findings"]
    assert (finding["code"], finding["subject"]) == ("blob_damaged", weights.name)


def test_a_database_that_is_not_the_one_backed_up_is_refused(small_backup: tuple[Path, Path], tmp_path: Path):
    backup, _ = small_backup
    copy = tmp_path / "backup"
    subprocess.run(["cp", "-a", str(backup), str(copy)], check=True)
    database = next(copy.glob("snapshots/*/database.sqlite3"))
    database.write_bytes(database.read_bytes()[:-1] + b"x")
    assert restore(tmp_path / "hub", copy).returncode == 1
    assert not list((tmp_path / "hub").rglob("blobs/*/*/*")), "refused before anything was written"


def test_a_backup_that_was_killed_is_no_snapshot(small_backup: tuple[Path, Path], tmp_path: Path):
    backup, _ = small_backup
    copy = tmp_path / "backup"
    subprocess.run(["cp", "-a", str(backup), str(copy)], check=True)
    newer = copy / "snapshots" / "29990101T000000Z"
    newer.mkdir()
    (newer / "blobs.txt").write_text("")
    assert restore(tmp_path / "hub", copy).returncode == 0
    assert restore(tmp_path / "other", copy, "--snapshot", newer.name).returncode == 1


def test_only_the_owner_may_read_a_backup(small_backup: tuple[Path, Path]):
    backup, _ = small_backup
    assert backup.stat().st_mode & 0o077 == 0
    assert next(backup.glob("snapshots/*/database.sqlite3")).stat().st_mode & 0o077 == 0
