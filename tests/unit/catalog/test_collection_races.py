"""Collections without any grace beside pushes and deletions of the same files: nothing that is held is ever lost."""

import threading
import time

import pytest
from django.db import connection, connections, transaction

from catalog.adapters.blobs import add_blob, expect_blob
from catalog.adapters.models import Blob, File
from catalog.errors import Busy
from catalog.removals.withdrawing import delete_adapter
from catalog.retention.collection import collect_garbage
from catalog.retention.fsck import fsck
from catalog.retention.orphans import adopt_orphans
from catalog.uploads.services import finish_upload
from storage import BlobReceipt, StorageError
from tests.unit.catalog.factories import (
    accept,
    digests_of,
    lora_files,
    make_namespace,
    make_user,
    open_push,
    send_all,
    together,
)
from tests.unit.catalog.test_blobs import put

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(settings):
    """The owner of ``lab``, in a hub that waits for nothing before it deletes."""
    settings.HUB_GC_GRACE_SECONDS = settings.HUB_GC_WAIT_SECONDS = 0
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def push_patiently(owner, files, name):
    """As the client does: told that the bytes were collected meanwhile, it finishes again."""
    upload = open_push(owner, files, name)
    send_all(upload, files)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            return finish_upload(owner, upload, digests_of(files)).revision
        except (Busy, StorageError):
            upload.refresh_from_db()
    raise AssertionError("for two minutes some collection was quicker than this push")


def test_pushes_and_deletions_of_the_same_files_beside_two_collections(owner, store):
    contents = [lora_files(seed=seed) for seed in range(2)]
    ended, kept, failures = threading.Event(), [], []

    def collector():
        try:
            while not ended.is_set():
                collect_garbage()
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    def pusher(number):
        try:
            for turn in range(6):
                revision = accept(push_patiently(owner, contents[turn % 2], f"lab/a-{number}-{turn}"))
                assert all(store.has(file.blob_id) for file in revision.files.all())
                if turn % 3:
                    delete_adapter(owner, revision.adapter)
                else:
                    kept.append(revision.pk)
        finally:
            connections.close_all()

    collectors = [threading.Thread(target=collector) for _ in range(2)]
    for thread in collectors:
        thread.start()
    outcomes = together([lambda number=number: pusher(number) for number in range(3)])
    ended.set()
    for thread in collectors:
        thread.join()
    assert [*failures, *outcomes] == [None] * 3
    assert File.objects.filter(revision__in=kept).count() == 3 * len(kept) == 3 * 6
    assert list(fsck(is_hashing=True)) == []
    collect_garbage()
    assert set(store.digests()) == set(File.objects.values_list("blob_id", flat=True))


def test_whoever_expects_a_blob_while_it_is_deleted_waits_and_then_finds_it_gone(owner, store, monkeypatch):
    digest = put(store)
    adopt_orphans()
    deleting, delete = threading.Event(), type(store).delete

    def slowly(self, sha256):
        deleting.set()
        threading.Event().wait(0.5)
        delete(self, sha256)

    monkeypatch.setattr(type(store), "delete", slowly)

    def expecting():
        deleting.wait(10)
        expect_blob(digest, 10)
        return store.has(digest)

    done, was_there = together([collect_garbage, expecting])
    assert (done.deleted, was_there) == (1, False)
    assert Blob.objects.get().state == "arriving"


def test_a_blob_that_a_commit_holds_is_passed_over(owner, store):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: a collection waits for the commit; run on PostgreSQL elsewhere")
    digest = put(store)
    adopt_orphans()
    Blob.objects.update(condemned_at="2020-01-01T00:00:00Z")
    holding, collected = threading.Event(), threading.Event()

    def committing():
        with transaction.atomic():
            add_blob(BlobReceipt(digest, "f" * 40, 10))
            holding.set()
            collected.wait(10)

    def collecting():
        holding.wait(10)
        done = collect_garbage(with_orphans=False)
        collected.set()
        return done.deleted

    assert together([committing, collecting]) == [None, 0]
    assert store.has(digest)
