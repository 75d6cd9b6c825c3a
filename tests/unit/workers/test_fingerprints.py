"""A fingerprint is made with the validation; older revisions get theirs by a job of its own."""

from base64 import b64decode

import pytest

from catalog.jobs.models import Job, JobState
from catalog.removals.removing import request_removal
from catalog.similarity.models import Fingerprint
from catalog.similarity.near import copies_of
from catalog.similarity.recording import request_missing
from tests.unit.catalog.factories import make_base, make_namespace, make_user, push
from tests.unit.catalog.likening import likeness_files
from tests.unit.workers.child_functions import say_nothing
from workers import maintenance
from workers.kinds import HANDLERS
from workers.supervisor import supervise

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people():
    owner, writer = make_user("owner"), make_user("writer")
    make_namespace(owner, writer=writer)
    make_base(owner)
    return owner, writer


def validated(actor, files, adapter="lab/ner"):
    revision = push(actor, files, adapter)
    assert supervise(queue="cpu")
    revision.refresh_from_db()
    return revision


def test_what_validation_accepts_can_be_compared_at_once(people):
    owner, writer = people
    first = validated(owner, likeness_files(1))
    second = validated(writer, likeness_files(1, gauge=5), "lab/relabelled")
    assert (first.state, second.state) == ("pending", "pending"), second.report
    assert not Job.objects.filter(kind="fingerprint").exists()
    [row] = copies_of(owner, second).found
    assert (row.revision, row.likeness) == (first, "copy")
    found = Fingerprint.objects.get(revision=second)
    assert (found.modules, found.skipped, found.is_partial) == (1, None, False)
    assert found.space == second.base_model.shapes_digest


def test_what_validation_refuses_has_none(people):
    owner, _ = people
    assert validated(owner, {"README.md": b"no weights"}).state == "invalid"
    assert not Fingerprint.objects.exists()


def test_the_job_makes_those_that_are_missing(people):
    owner, _ = people
    revision = validated(owner, likeness_files(1))
    before = bytes(Fingerprint.objects.get().update_code)
    Fingerprint.objects.all().delete()
    Job.objects.all().delete()
    maintenance.run_due()
    job = Job.objects.get(kind="fingerprint")
    assert supervise(queue="cpu")
    job.refresh_from_db()
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"modules": 1, "skipped": None}), job.error
    found = Fingerprint.objects.get(revision=revision)
    assert bytes(found.update_code) == before


def test_a_revision_that_vanished_meanwhile_ends_the_job_with_a_reason(people):
    owner, _ = people
    revision = validated(owner, likeness_files(1))
    Fingerprint.objects.all().delete()
    assert request_missing() == 1
    revision.state = "rejected"
    revision.save()
    supervise(queue="cpu")
    job = Job.objects.get(kind="fingerprint")
    assert (job.state, job.error["code"], job.is_dead_letter) == (JobState.FAILED, "withdrawn", False)
    assert not Fingerprint.objects.exists()


def test_trouble_with_the_fingerprint_keeps_nothing_from_being_accepted(people, monkeypatch):
    owner, _ = people
    monkeypatch.setattr(HANDLERS["validate_revision"], "function", "tests.unit.workers.child_functions:inspect_alone")
    assert validated(owner, likeness_files(1)).state == "pending"
    assert not Fingerprint.objects.exists()
    assert request_missing() == 1


def test_removed_weights_do_not_come_back_in_another_file(people):
    owner, writer = people
    gone = validated(owner, likeness_files(1))
    request_removal(owner, gone.adapter, reason="Its data may not be used.")
    assert supervise(queue="cpu")
    again = likeness_files(1, lora_dropout=0.5)
    again["adapter_model.safetensors"] = rewrapped(again["adapter_model.safetensors"])
    refused = validated(writer, again, "lab/back-again")
    assert refused.state == "invalid"
    assert refused.report["findings"][0]["code"] == "bytes_were_removed"
    assert validated(writer, likeness_files(2), "lab/other").state == "pending"


def rewrapped(weights: bytes) -> bytes:
    """The same tensors in a file with other metadata."""
    from safetensors.numpy import load, save

    return save(load(weights), metadata={"trained_by": "somebody"})


def test_a_file_without_pairs_is_skipped_by_name_and_still_has_a_digest(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    from workers.computing import fingerprint

    path = tmp_path / "adapter_model.safetensors"
    save_file({"prompt_embeddings": np.ones((2, 4), dtype=np.float32)}, path)
    found = fingerprint({"files": {path.name: str(path)}, "base": None}, say_nothing)
    assert found["skipped"]["code"]
    assert len(found["tensors_digest"]) == 64
    assert b64decode(found["update"]) == b""
