"""A blob's row around the writing of its bytes: expected before, stored after, never answered for in between."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.adapters.blobs import add_blob, expect_blob
from catalog.adapters.models import Blob, BlobState
from catalog.errors import Busy, Conflict
from catalog.uploads.metadata import Metadata
from catalog.uploads.services import finish_upload, open_upload
from storage import BlobReceipt, StorageError
from tests.unit.catalog.factories import (
    announce,
    digests_of,
    lora_files,
    make_namespace,
    make_user,
    open_push,
    publish,
    push,
    send_all,
    together,
)

DATA = b"some bytes"
SHA256 = hashlib.sha256(DATA).hexdigest()
RECEIPT = BlobReceipt(SHA256, "f" * 40, len(DATA))


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def put(store, data: bytes = DATA) -> str:
    """Promote ``data`` as a push does."""
    digest = hashlib.sha256(data).hexdigest()
    store.write_part("0" * 32 + "/0", 1, [data], size_bytes=len(data))
    store.promote("0" * 32 + "/0", [1], sha256=digest)
    return digest


@pytest.mark.django_db
class TestExpecting:
    def test_an_unknown_digest_gets_a_row_that_claims_nothing(self):
        expect_blob(SHA256, len(DATA))
        row = Blob.objects.get()
        assert (row.state, row.git_id, row.size_bytes) == (BlobState.ARRIVING, "", len(DATA))
        assert not Blob.objects.stored().exists()

    def test_a_known_digest_is_touched_and_its_condemnation_lifted_and_nothing_else_changes(self):
        long_ago = timezone.now() - timedelta(days=3)
        Blob.objects.create(
            sha256=SHA256, git_id="a" * 40, size_bytes=10, touched_at=long_ago, condemned_at=long_ago, state="stored"
        )
        expect_blob(SHA256, 99)
        row = Blob.objects.get()
        assert (row.state, row.git_id, row.size_bytes, row.condemned_at) == (BlobState.STORED, "a" * 40, 10, None)
        assert row.touched_at > long_ago

    def test_a_damaged_object_makes_way_for_the_good_one(self, store):
        put(store)
        Blob.objects.create(sha256=SHA256, git_id="a" * 40, size_bytes=len(DATA), state=BlobState.DAMAGED)
        expect_blob(SHA256, len(DATA))
        assert not store.has(SHA256)
        assert Blob.objects.get().state == BlobState.ARRIVING


@pytest.mark.django_db
class TestAdding:
    def test_what_was_expected_and_promoted_is_stored(self, store):
        expect_blob(SHA256, 1)
        put(store)
        blob = add_blob(RECEIPT)
        blob.refresh_from_db()
        assert (blob.state, blob.git_id, blob.size_bytes) == (BlobState.STORED, "f" * 40, len(DATA))

    def test_a_row_that_was_collected_meanwhile_sends_the_push_back_to_its_promotion(self):
        with pytest.raises(Busy):
            add_blob(RECEIPT)

    def test_so_does_the_row_of_another_push_whose_bytes_are_not_here_yet(self):
        expect_blob(SHA256, len(DATA))
        with pytest.raises(Busy):
            add_blob(RECEIPT)
        assert Blob.objects.get().state == BlobState.ARRIVING


@pytest.mark.django_db
class TestPushing:
    def test_every_file_of_a_push_is_stored_in_the_end(self, owner):
        push(owner)
        assert set(Blob.objects.values_list("state", flat=True)) == {BlobState.STORED}

    def test_a_push_whose_promotion_fails_leaves_only_a_promise(self, owner, monkeypatch):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        monkeypatch.setattr("storage.local.LocalBlobStore.promote", _away)
        with pytest.raises(StorageError):
            finish_upload(owner, upload, digests_of(files))
        assert set(Blob.objects.values_list("state", flat=True)) == {BlobState.ARRIVING}
        monkeypatch.undo()
        assert finish_upload(owner, upload, digests_of(files)).is_new

    def test_a_published_version_is_known_by_its_digests_alone(self, owner):
        files = lora_files()
        revision = publish(owner, files, version="1.0.0")
        again = open_upload(
            owner, adapter="lab/ner", files=announce(files, with_digests=True), metadata=Metadata(), version="1.0.0"
        )
        assert again == revision

    def test_unless_a_file_of_it_is_damaged_then_the_same_bytes_are_taken_and_repair_it(self, owner, store):
        files = lora_files()
        revision = publish(owner, files, version="1.0.0")
        broken = digests_of(files)["adapter_model.safetensors"]
        Blob.objects.filter(pk=broken).update(state=BlobState.DAMAGED)
        store.delete(broken)
        upload = open_upload(
            owner, adapter="lab/ner", files=announce(files, with_digests=True), metadata=Metadata(), version="1.0.0"
        )
        send_all(upload, files)
        made = finish_upload(owner, upload, digests_of(files))
        assert (made.revision, made.is_new) == (revision, False)
        assert Blob.objects.get(pk=broken).state == BlobState.STORED
        assert store.size_bytes(broken) == len(files["adapter_model.safetensors"])

    def test_an_arriving_digest_is_no_knowledge_of_what_is_published(self, owner):
        publish(owner, version="1.0.0")
        others = lora_files(seed=2)
        for path, digest in digests_of(others).items():
            expect_blob(digest, len(others[path]))
        with pytest.raises(Conflict) as refusal:
            open_upload(
                owner,
                adapter="lab/ner",
                files=announce(others, with_digests=True),
                metadata=Metadata(),
                version="1.0.0",
            )
        assert refusal.value.code == "version_exists"


@pytest.mark.django_db(transaction=True)
def test_twelve_pushes_of_the_same_files_at_once_all_end_well(owner):
    files = lora_files()
    uploads = [open_push(owner, files, f"lab/ner-{index}") for index in range(12)]
    for upload in uploads:
        send_all(upload, files)
    outcomes = together([lambda upload=upload: finish_upload(owner, upload, digests_of(files)) for upload in uploads])
    assert [getattr(outcome, "is_new", outcome) for outcome in outcomes] == [True] * 12
    assert Blob.objects.count() == len(files) == Blob.objects.stored().count()


def _away(*args: object, **kwargs: object) -> None:
    raise StorageError("storage_unavailable", "no answer")
