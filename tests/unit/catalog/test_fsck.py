"""``fsck`` finds every way in which database, store and catalog can disagree, and repairs what loses nothing."""

import hashlib
import json
import os
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F

from catalog.adapters.models import Adapter, Blob, BlobState, File, Publication, Ref, Revision, Version
from catalog.adapters.publication import yank_version
from catalog.removals.withdrawing import delete_adapter
from catalog.retention.fsck import fsck
from catalog.search.models import SearchEntry, SearchText
from catalog.uploads.models import Upload
from tests.unit.catalog.factories import (
    accept,
    digests_of,
    lora_files,
    make_namespace,
    make_user,
    publish,
    push,
)
from tests.unit.catalog.test_scrubbing import WEIGHTS, flip_a_byte

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``, with something in every state."""
    owner = make_user("owner")
    make_namespace(owner)
    publish(owner, lora_files(), "lab/ner", version="1.0.0")
    publish(owner, lora_files(seed=2), "lab/ner", version="1.1.0")
    publish(owner, lora_files(seed=3), "lab/yanked", version="1.0.0")
    yank_version(owner, Adapter.objects.get(name="yanked"), "1.0.0", reason="wrong")
    delete_adapter(owner, publish(owner, lora_files(seed=4), "lab/deleted", version="1.0.0").adapter)
    accept(push(owner, lora_files(seed=5), "lab/pending"))
    push(owner, lora_files(seed=6), "lab/validating")
    return owner


def codes(**options) -> list[str]:
    return sorted(finding.code for finding in fsck(**options))


def weights() -> str:
    return digests_of(lora_files())[WEIGHTS]


def test_a_hub_in_every_state_is_clean(owner):
    assert codes(is_hashing=True) == []


class TestBytes:
    def test_a_lost_object(self, owner, store):
        store.delete(weights())
        assert codes() == ["object_missing"]

    def test_an_object_of_another_size(self, owner, store):
        Blob.objects.filter(pk=weights()).update(size_bytes=F("size_bytes") + 1)
        assert codes() == ["object_size"]

    def test_an_object_with_other_bytes_is_found_by_hashing(self, owner, store):
        flip_a_byte(store, weights())
        assert codes() == []
        assert codes(is_hashing=True) == ["object_digest"]

    @pytest.mark.parametrize("place", ["0", "8", "f"])
    def test_an_object_without_a_row_wherever_it_sorts(self, owner, store, place):
        put_at(store, place)
        assert codes() == ["object_unknown"]

    def test_with_no_rows_at_all_every_object_is_unknown(self, store):
        put_at(store, "0")
        put_at(store, "f")
        assert codes() == ["object_unknown"] * 2

    @pytest.mark.parametrize("state", [BlobState.DAMAGED, BlobState.ARRIVING])
    def test_a_file_whose_bytes_are_not_here(self, owner, state):
        Blob.objects.filter(pk=weights()).update(state=state)
        assert codes() == ["blob_damaged"]

    def test_parts_of_an_upload_that_ended_long_ago(self, owner, store):
        upload = Upload.objects.filter(state="committed").first()
        store.write_part(f"{upload.pk.hex}/0", 1, [b"left"], size_bytes=4)
        assert codes() == [], "it has just ended: whoever ended it is about to drop them"
        for path in (store.root / "staging" / upload.pk.hex, *(store.root / "staging" / upload.pk.hex).rglob("*")):
            os.utime(path, (0, 0))
        assert codes(is_repairing=True) == ["staging_left"]
        assert list(store.staged()) == []

    def test_what_nobody_holds_may_be_on_its_way(self, owner):
        Blob.objects.create(sha256="0" * 64, size_bytes=1, state=BlobState.ARRIVING)
        assert codes() == []


def _move_version() -> None:
    Revision.objects.filter(version__name="1.0.0", adapter__name="ner").update(commit_id="e" * 40)


def _unlog() -> None:
    Publication.objects.filter(full_name="lab/ner", version="1.0.0").delete()


def _entry_says_less() -> None:
    SearchEntry.objects.update(version="0.0.1")


BREAKAGES = {
    "version_without_files": lambda: File.objects.filter(revision__version__name="1.0.0").delete(),
    "tree_differs": lambda: File.objects.filter(path="README.md", revision__adapter__name="yanked").delete(),
    "version_state": lambda: Revision.objects.filter(adapter__name="yanked").update(state="published"),
    "ref_astray": lambda: Ref.objects.filter(adapter__name="ner").update(
        revision=Revision.objects.get(adapter__name="pending")
    ),
    "default_version": lambda: Adapter.objects.filter(name="ner").update(
        default_version=Version.objects.get(adapter__name="yanked")
    ),
    "entry_missing": lambda: SearchEntry.objects.all().delete(),
    "entry_differs": _entry_says_less,
    "entry_left": lambda: Adapter.objects.filter(name="ner").update(default_version=None),
    "version_lost": lambda: Version.objects.filter(adapter__name="deleted").delete(),
    "version_moved": _move_version,
    "publication_unlogged": _unlog,
}


@pytest.mark.parametrize("code", BREAKAGES)
def test_every_other_disagreement_has_its_name(owner, code):
    BREAKAGES[code]()
    assert code in codes()


class TestRepair:
    def test_unknown_objects_are_adopted_and_nothing_is_deleted(self, owner, store):
        digest = put_at(store, "8")
        assert codes(is_repairing=True) == ["object_unknown"]
        assert codes() == []
        assert Blob.objects.get(pk=digest).state == BlobState.ARRIVING
        assert store.has(digest)

    def test_damage_is_quarantined_and_stays_a_finding(self, owner, store):
        flip_a_byte(store, weights())
        codes(is_repairing=True, is_hashing=True)
        assert Blob.objects.get(pk=weights()).state == BlobState.DAMAGED
        assert codes(is_repairing=True, is_hashing=True) == ["blob_damaged"]

    @pytest.mark.parametrize("code", ["entry_missing", "entry_differs", "entry_left", "publication_unlogged"])
    def test_what_can_be_written_again_is(self, owner, code):
        BREAKAGES[code]()
        assert code in codes(is_repairing=True)
        assert codes() == []

    @pytest.mark.parametrize("code", ["version_lost", "version_moved", "version_without_files", "tree_differs"])
    def test_what_would_lose_something_is_left_to_people(self, owner, code):
        BREAKAGES[code]()
        assert code in codes(is_repairing=True)
        assert code in codes()


def test_without_repair_nothing_is_changed(owner, store):
    flip_a_byte(store, weights())
    put_at(store, "8")
    SearchEntry.objects.all().delete()
    before = (Blob.objects.count(), Blob.objects.stored().count(), SearchEntry.objects.count())
    codes(is_hashing=True)
    assert before == (Blob.objects.count(), Blob.objects.stored().count(), SearchEntry.objects.count())


def test_the_command_says_clean_or_fails_with_each_finding(owner, store):
    out = StringIO()
    call_command("fsck", "--hash", stdout=out)
    assert out.getvalue() == "clean\n"
    store.delete(weights())
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("fsck", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert (answer["is_clean"], answer["findings"][0]["code"]) == (False, "object_missing")
    assert answer["findings"][0]["subject"] == weights()


def put_at(store, place: str) -> str:
    """An object that no row knows and whose digest begins with ``place``."""
    number = next(n for n in range(10_000) if hashlib.sha256(b"%d" % n).hexdigest().startswith(place))
    data = b"%d" % number
    digest = hashlib.sha256(data).hexdigest()
    store.write_part("0" * 32 + "/0", 1, [data], size_bytes=len(data))
    store.promote("0" * 32 + "/0", [1], sha256=digest)
    store.discard("0" * 32)
    return digest


def test_an_entry_that_the_release_before_wrote_gets_its_words(owner):
    SearchText.objects.filter(entry__adapter__name="ner").delete()
    assert codes() == ["entry_differs"]
    assert codes(is_repairing=True) == ["entry_differs"]
    assert codes() == []
    assert "an adapter" in SearchText.objects.get(entry__adapter__name="ner").text
