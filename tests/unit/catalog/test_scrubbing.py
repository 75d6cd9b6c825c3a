"""The scrub finds bytes that went wrong in the store, keeps them back, and a push of the same bytes heals them."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from catalog.adapters.models import Blob, BlobState
from catalog.jobs.clock import database_now
from catalog.retention.scrubbing import damaged, scrub
from catalog.reviews.models import AuditEvent
from storage import StorageError
from storage.keys import blob_key
from tests.unit.catalog.factories import digests_of, lora_files, make_namespace, make_user, publish, push

pytestmark = pytest.mark.django_db
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def published():
    """A published adapter: its owner and its files."""
    owner = make_user("owner")
    make_namespace(owner)
    files = lora_files()
    publish(owner, files, version="1.0.0")
    return owner, files


def flip_a_byte(store, digest: str) -> None:
    path = store.root / blob_key(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_right_bytes_stay_as_they_are(published):
    done = scrub(share=1.0)
    assert (done.hashed, done.damaged) == (3, [])
    assert not Blob.objects.filter(scrubbed_at=None).exists()


def test_one_flipped_byte_is_found_recorded_and_kept_from_everybody(published, store, client, caplog):
    digest = digests_of(published[1])[WEIGHTS]
    flip_a_byte(store, digest)
    assert scrub(share=1.0).damaged == [digest]
    assert list(damaged()) == [Blob.objects.get(pk=digest)]
    event = AuditEvent.objects.get(action="damage")
    assert (event.actor, event.subject, event.after) == ("hub", f"blob {digest}", "damaged")
    assert "lab/ner" in event.note
    assert any(line.levelname == "ERROR" and digest in line.message for line in caplog.records)
    answer = client.get(f"/api/v1/adapters/lab/ner/files/1.0.0/{WEIGHTS}")
    assert (answer.status_code, answer.json()["code"]) == (503, "blob_damaged")
    assert client.get("/api/v1/adapters/lab/ner/files/1.0.0/README.md").status_code == 200


def test_a_lost_object_is_damage_too(published, store):
    digest = digests_of(published[1])["README.md"]
    store.delete(digest)
    assert scrub(share=1.0).damaged == [digest]


def test_a_second_run_tells_of_no_damage_twice(published, store):
    flip_a_byte(store, digests_of(published[1])[WEIGHTS])
    scrub(share=1.0)
    assert scrub(share=1.0).damaged == []
    assert AuditEvent.objects.filter(action="damage").count() == 1


def test_a_push_of_the_same_bytes_heals(published, store, client):
    owner, files = published
    digest = digests_of(files)[WEIGHTS]
    flip_a_byte(store, digest)
    scrub(share=1.0)
    push(owner, files, "lab/copy")
    assert b"".join(store.read(digest)) == files[WEIGHTS]
    answer = client.get(f"/api/v1/adapters/lab/ner/files/1.0.0/{WEIGHTS}")
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, files[WEIGHTS])
    assert AuditEvent.objects.filter(action="heal", subject=f"blob {digest}").exists()
    assert not damaged().exists()


def test_what_a_disk_brought_back_leaves_quarantine_by_itself(published, store):
    digest = digests_of(published[1])[WEIGHTS]
    flip_a_byte(store, digest)
    scrub(share=1.0)
    flip_a_byte(store, digest)
    assert scrub(share=1.0).healed == [digest]
    assert Blob.objects.get(pk=digest).state == BlobState.STORED


def test_a_share_takes_those_not_looked_at_for_longest(published):
    first, second, third = Blob.objects.order_by("pk")
    for blob, days in ((first, 1), (second, 3), (third, 2)):
        Blob.objects.filter(pk=blob.pk).update(scrubbed_at=database_now() - timedelta(days=days))
    before = database_now()
    assert scrub(share=0.34).hashed == 2
    assert set(Blob.objects.filter(scrubbed_at__gte=before)) == {second, third}


def test_one_bad_answer_of_the_store_condemns_nothing(published, store, monkeypatch):
    read, answers = type(store).read, []

    def once_wrong(self, sha256, **options):
        answers.append(sha256)
        return iter([b"noise"]) if len(answers) == 1 else read(self, sha256, **options)

    monkeypatch.setattr(type(store), "read", once_wrong)
    assert scrub(share=1.0).damaged == []


def test_a_store_that_is_away_is_no_damage(published, store, monkeypatch):
    def away(self, sha256, **options):
        raise StorageError("storage_unavailable", "no answer")

    monkeypatch.setattr(type(store), "read", away)
    assert scrub(share=1.0).waiting_for.startswith("storage_unavailable")
    assert set(Blob.objects.values_list("state", "scrubbed_at")) == {(BlobState.STORED, None)}


def test_the_command_names_the_damaged_and_fails(published, store):
    out = StringIO()
    call_command("scrub", "--all", stdout=out)
    digest = digests_of(published[1])[WEIGHTS]
    flip_a_byte(store, digest)
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("scrub", "--all", "--json", stdout=out)
    assert json.loads(out.getvalue())["quarantine"] == [digest]


def test_the_page_and_the_answer_about_a_version_say_which_file_is_damaged(published, store, client):
    owner, files = published
    digest = digests_of(files)[WEIGHTS]
    flip_a_byte(store, digest)

    def told() -> tuple[list[str], int]:
        revision = client.get("/api/v1/adapters/lab/ner/versions/1.0.0").json()
        page = client.get("/lab/ner").content.decode()
        return [file["path"] for file in revision["files"] if file["is_damaged"]], page.count(">damaged</span>")

    assert told() == ([], 0)
    scrub(share=1.0)
    assert told() == ([WEIGHTS], 1)
    push(owner, files, version="1.0.1")
    assert told() == ([], 0)
