"""Bytes of evaluation sets stay while a set holds them: in collection, scrub, fsck, backup and restore."""

import zlib
from io import StringIO

import pytest
from django.core.management import call_command

from catalog.adapters.models import Blob, BlobState
from catalog.errors import Busy
from catalog.evaluations.models import Evaluation, EvaluationSet, Predictions, SetFile
from catalog.evaluations.requesting import request_evaluations
from catalog.retention.backup import back_up
from catalog.retention.backup_folder import BackupFolder
from catalog.retention.collection import collect_garbage
from catalog.retention.fsck import fsck
from catalog.retention.restoring import restore
from catalog.retention.scrubbing import damaged, scrub
from catalog.reviews.models import AuditEvent
from tests.unit.catalog.evaluating import classifier, make_set, measure
from tests.unit.catalog.factories import make_base, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def held(owner) -> set[str]:
    """Digests of the files of a hidden, private set."""
    revision = make_set(owner, visibility="private", is_hidden=True)
    return {file.blob_id for file in revision.files.all()}


def test_what_a_set_holds_is_never_collected_and_goes_when_the_set_goes(held, store, settings):
    settings.HUB_GC_GRACE_SECONDS = settings.HUB_GC_WAIT_SECONDS = 0
    for _ in range(2):
        collect_garbage()
    assert set(store.digests()) == held
    Blob.objects.update(condemned_at="2020-01-01T00:00Z")
    assert collect_garbage().deleted == 0
    assert set(store.digests()) == held
    EvaluationSet.objects.all().delete()
    for _ in range(2):
        collect_garbage()
    assert not set(store.digests())


def test_a_backup_holds_its_rows_and_a_restore_gives_them_back(held, store, tmp_path, transactional_db):
    back_up(tmp_path / "kept", tell=lambda line: None)
    kept = BackupFolder(tmp_path / "kept")
    assert {digest for digest, _ in kept.blobs_of(kept.finished()[-1])} == held
    for digest in held:
        store.delete(digest)
    lost = restore(tmp_path / "kept", is_forced=True, tell=lambda line: None)
    assert lost == []
    assert set(store.digests()) == held
    assert {file.blob_id for file in SetFile.objects.all()} == held
    assert [finding.code for finding in fsck(is_hashing=True)] == []


def test_damaged_rows_are_told_of_and_nothing_is_measured_on_them(owner, held, store):
    classifier(owner, make_base(owner))
    digest = sorted(held)[0]
    store.delete(digest)
    assert digest in scrub(share=1.0).damaged
    assert [blob.sha256 for blob in damaged()] == [digest]
    assert "lab/mood" in AuditEvent.objects.get(action="damage").note
    assert "blob_damaged" in {finding.code for finding in fsck()}
    with pytest.raises(Busy) as refused:
        request_evaluations(owner, adapters=["lab/ner"], evaluation_set="lab/mood")
    assert refused.value.code == "blob_damaged"
    assert not Evaluation.objects.exists()
    assert Blob.objects.get(pk=digest).state == BlobState.DAMAGED
    make_set(owner, is_hidden=True, metric="macro_f1")
    assert Blob.objects.get(pk=digest).state == BlobState.STORED


def test_fsck_finds_answers_that_changed_and_evaluations_that_wait_for_nothing(owner, held):
    classifier(owner, make_base(owner))
    evaluation = request_evaluations(owner, adapters=["lab/ner"], evaluation_set="lab/mood").evaluations[0]
    measure(evaluation)
    again = {"adapters": ["lab/ner"], "evaluation_set": "lab/mood", "settings": {"seed": 1}}
    waiting = request_evaluations(owner, **again).evaluations[0]
    assert [finding.code for finding in fsck()] == []
    Predictions.objects.filter(evaluation=evaluation).update(deflated=zlib.compress(b'{"right":[1]}'))
    assert [finding.code for finding in fsck()] == ["answers_differ"]
    Predictions.objects.filter(evaluation=evaluation).update(deflated=b"not deflated")
    waiting.job.delete()
    assert sorted(finding.code for finding in fsck(is_repairing=True)) == ["answers_differ"] + ["evaluation_astray"] * 2
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error["code"]) == ("failed", "job_lost")
    assert [finding.code for finding in fsck()] == ["answers_differ"]


def test_the_command_says_clean(held):
    out = StringIO()
    call_command("fsck", stdout=out)
    assert "clean" in out.getvalue()
