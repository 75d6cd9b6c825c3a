"""Garbage collection takes what nothing refers to, in two phases, and never what somebody needs or is about to need."""

import hashlib
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from catalog.adapters.blobs import expect_blob
from catalog.adapters.models import Blob, BlobState, Revision
from catalog.adapters.publication import record_verdict, reject_revision
from catalog.errors import Conflict
from catalog.jobs.clock import database_now
from catalog.removals.withdrawing import delete_adapter
from catalog.retention.collection import collect_garbage, preview
from catalog.retention.holds import collection_held
from catalog.retention.models import Hold
from catalog.uploads.services import finish_upload
from storage import StorageError
from tests.unit.catalog.factories import (
    REFUSED,
    accept,
    digests_of,
    lora_files,
    make_namespace,
    make_user,
    open_push,
    publish,
    push,
    send_all,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def at_once(settings):
    """No grace, no wait: one run condemns, and deletes what a run before it, or itself, condemned."""
    settings.HUB_GC_GRACE_SECONDS = settings.HUB_GC_WAIT_SECONDS = 0


def later(*, hours: float) -> None:
    """Let so much time pass for every blob."""
    for blob in Blob.objects.all():
        blob.touched_at -= timedelta(hours=hours)
        blob.condemned_at = blob.condemned_at and blob.condemned_at - timedelta(hours=hours)
        blob.save()


def objects(store) -> set[str]:
    return set(store.digests())


def test_what_a_revision_holds_is_never_taken(owner, store, at_once):
    publish(owner)
    accept(push(owner, lora_files(seed=2), "lab/pending"))
    push(owner, lora_files(seed=3), "lab/validating")
    before = objects(store)
    for _ in range(3):
        collect_garbage()
    assert objects(store) == before
    assert Blob.objects.stored().count() == len(before)


class TestTheTwoPhases:
    def test_a_deleted_adapter_loses_its_bytes_after_the_grace_and_the_wait_and_no_sooner(self, owner, store):
        files = lora_files()
        revision = publish(owner, files)
        delete_adapter(owner, revision.adapter)
        collect_garbage()
        assert Blob.objects.filter(condemned_at=None).count() == 3, "touched today: the grace is not over"
        later(hours=25)
        assert collect_garbage().condemned == 3
        assert objects(store) == set(digests_of(files).values()), "condemned, and still here"
        later(hours=0.9)
        assert collect_garbage().deleted == 0
        later(hours=0.2)
        done = collect_garbage()
        assert (done.deleted, done.deleted_bytes) == (3, sum(map(len, files.values())))
        assert (objects(store), Blob.objects.count()) == (set(), 0)

    def test_what_is_shared_with_a_living_adapter_stays(self, owner, store, at_once):
        shared = lora_files()
        other = {**shared, "README.md": b"---\nlicense: mit\n---\n# Another\n"}
        doomed = publish(owner, shared, "lab/one")
        publish(owner, other, "lab/two")
        delete_adapter(owner, doomed.adapter)
        collect_garbage()
        assert objects(store) == set(digests_of(other).values())

    def test_a_push_of_condemned_bytes_saves_them(self, owner, store, settings):
        files = lora_files()
        delete_adapter(owner, publish(owner, files, "lab/one").adapter)
        settings.HUB_GC_GRACE_SECONDS = 0
        assert collect_garbage().condemned == 3
        settings.HUB_GC_WAIT_SECONDS = 0
        push(owner, files, "lab/two")
        assert collect_garbage().deleted == 0
        assert Blob.objects.stored().filter(condemned_at=None).count() == 3

    def test_a_push_that_only_began_saves_them_too(self, owner, settings, store):
        files = lora_files()
        delete_adapter(owner, publish(owner, files).adapter)
        later(hours=25)
        collect_garbage()
        for path, digest in digests_of(files).items():
            expect_blob(digest, len(files[path]))
        later(hours=2)
        assert collect_garbage().deleted == 0

    def test_a_promise_that_nobody_kept_goes_the_same_way(self, at_once):
        expect_blob("a" * 64, 10)
        done = collect_garbage()
        assert (done.condemned, done.deleted, Blob.objects.count()) == (1, 1, 0)

    def test_bytes_collected_between_promotion_and_commit_are_promoted_again(self, owner, store, at_once, monkeypatch):
        files = lora_files()
        del files["README.md"]
        upload = open_push(owner, files)
        send_all(upload, files)
        promoted = []
        promote = type(store).promote

        def slowly(self, *args, **kwargs):
            receipt = promote(self, *args, **kwargs)
            promoted.append(receipt.sha256)
            if len(promoted) <= 2:
                collect_garbage()
            return receipt

        monkeypatch.setattr(type(store), "promote", slowly)
        with pytest.raises(Exception, match="busy"):
            finish_upload(owner, upload, digests_of(files))
        revision = finish_upload(owner, upload, digests_of(files)).revision
        assert all(store.has(file.blob_id) for file in revision.files.all())


class TestWhatGivesUpItsBytes:
    def test_a_deleted_adapter_keeps_the_names_and_digests_of_its_files(self, owner):
        files = lora_files()
        revision = publish(owner, files)
        delete_adapter(owner, revision.adapter)
        revision.refresh_from_db()
        assert revision.files.count() == 0
        assert {line["path"]: line["sha256"] for line in revision.manifest} == digests_of(files)
        assert sum(line["size_bytes"] for line in revision.manifest) == revision.size_bytes

    @pytest.mark.parametrize("state", ["invalid", "rejected"])
    def test_a_refused_revision_does_after_thirty_days(self, owner, state, store, at_once):
        revision = push(owner)
        if state == "invalid":
            record_verdict(revision, inspection=REFUSED, base=None)
        else:
            reject_revision(accept(revision), actor=owner, reason="no")
        Revision.objects.update(created_at=database_now() - 29 * DAY)
        collect_garbage()
        assert len(objects(store)) == 3
        Revision.objects.update(created_at=database_now() - 31 * DAY)
        assert preview().released_revisions == 1
        assert collect_garbage().released_revisions == 1
        assert objects(store) == set()
        assert len(Revision.objects.get().manifest) == 3

    @pytest.mark.parametrize("state", ["validating", "pending", "published", "yanked"])
    def test_no_other_revision_ever_does(self, owner, state, store, at_once):
        revision = push(owner)
        Revision.objects.filter(pk=revision.pk).update(state=state, created_at=database_now() - 1000 * DAY)
        collect_garbage()
        assert len(objects(store)) == 3

    def test_a_push_to_an_adapter_that_was_just_deleted_is_refused(self, owner):
        revision = publish(owner)
        upload = open_push(owner, lora_files(seed=2))
        send_all(upload, lora_files(seed=2))
        delete_adapter(owner, revision.adapter)
        with pytest.raises(Conflict, match="name_taken"):
            finish_upload(owner, upload, digests_of(lora_files(seed=2)))


class TestOrphans:
    def test_an_object_without_a_row_is_adopted_and_then_goes_through_the_same_phases(self, store):
        digest = put(store, b"nobody knows me")
        assert collect_garbage().adopted == 1
        row = Blob.objects.get(pk=digest)
        assert (row.state, row.size_bytes) == (BlobState.ARRIVING, 15)
        later(hours=25)
        collect_garbage()
        later(hours=2)
        collect_garbage()
        assert (objects(store), Blob.objects.count()) == (set(), 0)

    def test_a_quick_run_does_not_list_the_store(self, store):
        put(store, b"nobody knows me")
        assert collect_garbage(with_orphans=False).adopted == 0


class TestHolds:
    def test_while_one_is_in_force_nothing_is_deleted_and_the_run_says_why(self, store, at_once):
        expect_blob("a" * 64, 10)
        with collection_held("a backup"):
            done = collect_garbage()
            assert (done.deleted, done.waiting_for) == (0, "a backup")
            assert preview().waiting_for == "a backup"
        assert collect_garbage().deleted == 1

    def test_one_whose_owner_died_runs_out_and_is_forgotten(self, at_once):
        Hold.objects.create(reason="a backup that was killed", expires_at=database_now() - timedelta(seconds=1))
        expect_blob("a" * 64, 10)
        assert collect_garbage().deleted == 1
        assert Hold.objects.count() == 0


class TestFailures:
    def test_a_store_that_fails_keeps_row_and_object_for_the_next_run(self, store, at_once, monkeypatch):
        digest = put(store, b"nobody knows me")
        collect_garbage()
        Blob.objects.all().delete()
        put(store, b"nobody knows me")

        def away(self, sha256):
            raise StorageError("storage_unavailable", "no answer")

        with monkeypatch.context() as patch:
            patch.setattr(type(store), "delete", away)
            done = collect_garbage()
        assert done.waiting_for.startswith("storage_unavailable")
        assert (done.deleted, objects(store), Blob.objects.count()) == (0, {digest}, 1)
        assert collect_garbage().deleted == 1

    def test_a_run_killed_between_object_and_row_is_ended_by_the_next_one(self, store, at_once, monkeypatch):
        put(store, b"nobody knows me")
        delete = type(store).delete

        def then_die(self, sha256):
            delete(self, sha256)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(type(store), "delete", then_die)
            with pytest.raises(KeyboardInterrupt):
                collect_garbage()
        assert (objects(store), Blob.objects.count()) == (set(), 1)
        assert collect_garbage().deleted == 1
        assert Blob.objects.count() == 0


def test_many_blobs_go_in_batches(monkeypatch, at_once):
    monkeypatch.setattr("catalog.retention.collection._BATCH", 7)
    Blob.objects.bulk_create(
        Blob(sha256=hashlib.sha256(b"%d" % i).hexdigest(), size_bytes=1, touched_at=Now()) for i in range(50)
    )
    assert collect_garbage().deleted == 50


def put(store, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    store.write_part("0" * 32 + "/0", 1, [data], size_bytes=len(data))
    store.promote("0" * 32 + "/0", [1], sha256=digest)
    return digest
