"""Old snapshots go, and only the blobs that nothing else needs; never the last copy of anything."""

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.adapters.blobs import expect_blob
from catalog.adapters.models import Blob
from catalog.retention.backup_folder import BackupError, BackupFolder, Snapshot
from catalog.retention.database_copy import _referenced
from catalog.retention.pruning_backups import prune_backup
from catalog.retention.referring import referring
from tests.unit.catalog.factories import digests_of, lora_files, make_namespace, make_user, publish


class Later(datetime):
    """Another second, without waiting for it."""

    @classmethod
    def now(cls, tz=None):
        return cls(2999, 1, 1, tzinfo=UTC)


def digest_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def snapshot(root: Path, name: str, *words: str, is_finished: bool = True, missing: tuple[str, ...] = ()) -> Snapshot:
    """A snapshot whose blobs are these words."""
    kept = BackupFolder(root)
    kept.prepare()
    folder = kept.make(name)
    (folder / "database.sqlite3").write_text(name)
    (folder / "blobs.txt").write_text("".join(f"{digest_of(word)} {len(word)}\n" for word in words))
    for word in words:
        assert kept.keep(digest_of(word), [word.encode()])
    made = Snapshot(name, "1", "sqlite", "database.sqlite3", "", len(words), 0, [digest_of(word) for word in missing])
    if is_finished:
        kept.finish(made)
    return made


def words_in(root: Path) -> list[str]:
    return sorted(path.read_text() for path in (root / "blobs").rglob("*") if path.is_file())


def test_the_newest_stay_with_all_their_blobs_and_the_others_go_with_theirs(tmp_path):
    snapshot(tmp_path, "1", "only the first", "the first two")
    snapshot(tmp_path, "2", "the first two", "all later ones")
    newest = snapshot(tmp_path, "3", "all later ones", "only the last")
    done = prune_backup(tmp_path, keep=2, written=newest)
    assert (done.snapshots, done.blobs, done.bytes) == (["1"], 1, len("only the first"))
    assert BackupFolder(tmp_path).finished() == ["2", "3"]
    assert words_in(tmp_path) == ["all later ones", "only the last", "the first two"]
    prune_backup(tmp_path, keep=1, written=newest)
    assert words_in(tmp_path) == ["all later ones", "only the last"]


def test_the_one_just_written_stays_although_the_clock_went_back(tmp_path):
    snapshot(tmp_path, "2", "two")
    snapshot(tmp_path, "3", "three")
    written = snapshot(tmp_path, "1", "one")
    prune_backup(tmp_path, keep=1, written=written)
    assert BackupFolder(tmp_path).finished() == ["1", "3"]
    assert words_in(tmp_path) == ["one", "three"]


def test_what_killed_backups_left_goes(tmp_path):
    snapshot(tmp_path, "1", "of a killed backup", is_finished=False)
    newest = snapshot(tmp_path, "2", "right")
    (BackupFolder(tmp_path).blob_path(digest_of("right")).parent / ".half").write_text("rig")
    prune_backup(tmp_path, keep=5, written=newest)
    assert words_in(tmp_path) == ["right"]
    assert os.listdir(tmp_path / "snapshots") == ["2"]


def test_while_the_new_one_lacks_something_the_old_ones_stay(tmp_path):
    snapshot(tmp_path, "1", "lost")
    with pytest.raises(BackupError, match="lacks 1 blob"):
        prune_backup(tmp_path, keep=1, written=snapshot(tmp_path, "2", "found", missing=("lost",)))
    assert words_in(tmp_path) == ["found", "lost"]


def test_while_another_backup_or_a_restore_uses_the_folder_nothing_goes(tmp_path):
    snapshot(tmp_path, "1", "one")
    newest = snapshot(tmp_path, "2", "two")
    with BackupFolder(tmp_path).in_use(), pytest.raises(BackupError, match="somebody else"):
        prune_backup(tmp_path, keep=1, written=newest)
    assert words_in(tmp_path) == ["one", "two"]
    prune_backup(tmp_path, keep=1, written=newest)
    assert words_in(tmp_path) == ["two"]


@pytest.mark.parametrize("step", ["shutil.rmtree", "pathlib.Path.unlink"])
def test_killed_half_way_no_snapshot_is_offered_that_lacks_anything_and_the_next_run_ends_it(
    tmp_path, monkeypatch, step
):
    for number in range(4):
        snapshot(tmp_path, str(number), f"only {number}", "common")
    newest = snapshot(tmp_path, "9", "common")
    calls, original = iter(range(100)), shutil.rmtree if step == "shutil.rmtree" else Path.unlink

    def dies(*arguments: object, **options: object) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(step, dies)
        with pytest.raises(KeyboardInterrupt):
            prune_backup(tmp_path, keep=1, written=newest)
    kept = BackupFolder(tmp_path)
    whole = {name: all(kept.holds(*blob) for blob in kept.blobs_of(name)) for name in kept.finished()}
    assert "9" in whole
    assert all(whole.values())
    prune_backup(tmp_path, keep=1, written=newest)
    assert (kept.finished(), words_in(tmp_path)) == (["9"], ["common"])


@pytest.mark.django_db(transaction=True)
def test_the_command_keeps_as_many_as_it_is_told(tmp_path, capsys, monkeypatch):
    make_user("owner")
    snapshot(tmp_path / "backup", "20200101T000000Z", "long ago")
    call_command("backup", str(tmp_path / "backup"))
    assert len(BackupFolder(tmp_path / "backup").finished()) == 2
    with pytest.raises(CommandError, match="at least one"):
        call_command("backup", str(tmp_path / "backup"), keep=0)
    monkeypatch.setattr("catalog.retention.backup.datetime", Later)
    call_command("backup", str(tmp_path / "backup"), keep=1)
    assert BackupFolder(tmp_path / "backup").finished() == ["29990101T000000Z"]
    assert words_in(tmp_path / "backup") == []
    assert "pruned: 2 snapshots, 1 blobs" in capsys.readouterr().out


@pytest.mark.django_db
def test_every_table_that_needs_blobs_is_asked_which():
    query = _referenced()
    needing = {model._meta.db_table for model, _ in referring(Blob)}
    assert "adapters_file" in needing
    assert all(f'"{table}"' in query for table in needing)
    owner = make_user("owner")
    make_namespace(owner)
    files = lora_files()
    publish(owner, files, version="1.0.0")
    expect_blob("a" * 64, 1)
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert {digest for digest, _ in cursor.fetchall()} == set(digests_of(files).values())
