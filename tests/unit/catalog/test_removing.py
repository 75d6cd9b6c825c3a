"""What is removed is gone for good, with all that contains it, and the receipt says what became of each file."""

from hashlib import sha256

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.adapters.models import Blob, Revision
from catalog.adapters.resolution import resolve
from catalog.derivations.models import Derivation
from catalog.errors import Conflict, Gone, InvalidInput, NotFound, NotPermitted
from catalog.evidence.services import record_evidence
from catalog.families.models import Basis
from catalog.jobs.models import Job
from catalog.jobs.services import claim, complete
from catalog.removals.models import Removal
from catalog.removals.queries import adapter_to_remove
from catalog.removals.receipts import canonical
from catalog.removals.removing import abandon_removal, record_removed, remove_bytes, request_removal, revive_removal
from catalog.removals.withdrawing import delete_adapter, withdraw_version
from catalog.retention.fsck import fsck
from catalog.retention.holds import collection_held
from storage import StorageError
from tests.unit.catalog.based import hold_basis
from tests.unit.catalog.deriving import publish_merge
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, publish, push

pytestmark = pytest.mark.django_db
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def base(owner):
    return make_base(owner)


@pytest.fixture
def parents(owner, base) -> list[Revision]:
    made = [publish(owner, lora_files(seed=seed), f"lab/parent-{seed}", version="1.0.0") for seed in (1, 2, 3)]
    for revision in made:
        revision.base_model = base
        revision.save()
    return made


def silent(progress, note) -> None:
    """A job's beat that goes on."""


def run(removal: Removal) -> dict:
    """The job, as its worker runs it; the receipt."""
    while (claimed := claim("cpu", worker="the-worker")) is not None and claimed.job.pk != removal.job_id:
        continue
    assert claimed is not None
    outcome = remove_bytes(claimed.job, silent)
    complete(claimed, lambda: record_removed(claimed.job, outcome))
    removal.refresh_from_db()
    return removal.receipt


def weights_of(revision: Revision) -> str:
    return dict(revision.files.values_list("path", "blob_id"))[WEIGHTS]


def became(receipt: dict, name: str) -> dict[str, str]:
    (artefact,) = [row for row in receipt["artefacts"] if row["name"] == name]
    return {file["path"]: file["became"] for file in artefact["files"]}


def test_the_bytes_are_gone_and_what_others_hold_stays(owner, parents, store):
    own, others = weights_of(parents[0]), weights_of(parents[1])
    record_evidence(parents[0], {"statistics": {"q": {}}})
    receipt = run(request_removal(owner, parents[0].adapter, "1.0.0", reason="asked for by its author"))
    assert not store.has(own)
    assert not Blob.objects.filter(pk=own).exists()
    assert store.has(others)
    assert became(receipt, "lab/parent-1@1.0.0") == {
        WEIGHTS: "deleted",
        "adapter_config.json": "held_elsewhere",
        "README.md": "held_elsewhere",
    }
    assert receipt["reason"] == "asked for by its author"
    assert receipt["digest"] == sha256(canonical(receipt)).hexdigest()
    left = Revision.objects.get(pk=parents[0].pk)
    assert not hasattr(left, "evidence")
    assert (left.card, left.claims, left.facts, left.report) == ("", {}, {}, {}), "the card was a file too"
    assert (left.commit_id, left.version.name) == (parents[0].commit_id, "1.0.0"), "the tombstone stays"
    assert [finding.code for finding in fsck()] == []


def test_what_was_made_of_it_goes_with_its_bytes_and_is_made_again_without_it(owner, parents, tmp_path, store):
    merged = publish_merge(owner, "lab/merged", *parents, folder=tmp_path)
    Derivation.objects.update(recipe={"method": "cat", "weights": [0.5] * 3, "search": None, "heads": "", "seed": 4})
    own = weights_of(merged)
    receipt = run(request_removal(owner, parents[0].adapter, reason="no"))
    assert not store.has(own)
    assert became(receipt, "lab/merged@0.1.0")[WEIGHTS] == "deleted"
    assert [(row["name"], row["role"]) for row in receipt["artefacts"]] == [
        ("lab/parent-1@1.0.0", "removed"),
        ("lab/merged@0.1.0", "derived"),
    ]
    (again,) = receipt["made_anew"]
    assert (again["kind"], again["of"], again["outcome"]) == ("merge", "lab/merged@0.1.0", "asked"), again
    asked = Derivation.objects.get(state="waiting")
    assert [str(parent) for parent in asked.parents.all()] == ["lab/parent-2@1.0.0", "lab/parent-3@1.0.0"]
    assert (asked.recipe["method"], asked.recipe["seed"], asked.recipe["weights"]) == ("cat", 4, [0.5, 0.5])
    assert str(asked.job_id) == again["job"]


def test_a_merge_with_one_parent_left_is_not_made_again(owner, parents, tmp_path):
    publish_merge(owner, "lab/merged", *parents[:2], folder=tmp_path)
    receipt = run(request_removal(owner, parents[0].adapter, reason="no"))
    assert [(row["outcome"], row["why"]) for row in receipt["made_anew"]] == [
        ("left", "fewer than two of its parents are left")
    ]


def test_a_basis_goes_with_everything_on_it_and_is_fitted_again_without_the_member(
    owner, parents, base, tmp_path, store
):
    for revision in parents:
        revision.facts = {**revision.facts, "is_low_rank": True, "format": "peft"}
        revision.save()
    basis = hold_basis(owner, base, tmp_path, fitted=parents[:2], projected=parents[2:])
    held = [basis.blob_id, *basis.fits.values_list("blob_id", flat=True)]
    receipt = run(request_removal(owner, parents[0].adapter, reason="no"))
    assert not [digest for digest in held if store.has(digest)]
    assert set(became(receipt, "lab/family@1").values()) == {"deleted"}
    (again,) = receipt["made_anew"]
    assert (again["kind"], again["of"]) == ("basis", "lab/family")
    assert again["outcome"] == "asked", again
    fresh = Basis.objects.get(state="waiting")
    assert {row["adapter"] for row in fresh.recipe["members"]} == {"lab/parent-2", "lab/parent-3"}


def test_removed_weights_are_not_taken_again_under_any_name(owner, parents, store):
    own = weights_of(parents[0])
    removal = request_removal(owner, parents[0].adapter, reason="no")
    for _ in ("before the job", "after it"):
        with pytest.raises(Conflict, match="bytes_were_removed"):
            push(owner, lora_files(seed=1), "lab/another")
        run(removal) if removal.state == "waiting" else None
    assert not store.has(own)
    assert not Revision.objects.filter(adapter__name="another").exists()
    assert publish(owner, lora_files(seed=7), "lab/another").state == "published"


def test_nothing_can_be_pulled_before_the_job_begins(owner, parents):
    removal = request_removal(owner, parents[0].adapter, reason="asked for")
    with pytest.raises(Gone, match="removed for good: asked for") as refusal:
        resolve(AnonymousUser(), "lab/parent-1@1.0.0")
    assert refusal.value.code == "removed"
    assert removal.state == "waiting"


def test_the_same_bytes_that_somebody_else_pushed_are_said_to_be_held(owner, parents, store):
    publish(owner, lora_files(seed=1), "lab/copy")
    receipt = run(request_removal(owner, parents[0].adapter, reason="no"))
    assert became(receipt, "lab/parent-1@1.0.0")[WEIGHTS] == "held_elsewhere"
    assert store.has(weights_of(Revision.objects.get(adapter__name="copy")))


def test_what_was_withdrawn_or_deleted_before_may_be_removed_later(owner, parents, store):
    digests = [weights_of(revision) for revision in parents[:2]]
    withdraw_version(owner, parents[0].adapter, "1.0.0", reason="wrong")
    delete_adapter(owner, parents[1].adapter)
    run(request_removal(owner, parents[0].adapter, "1.0.0", reason="now for good"))
    adapter, ref = adapter_to_remove(owner, "lab/parent-2")
    receipt = run(request_removal(owner, adapter, ref, reason="now for good"))
    assert not [digest for digest in digests if store.has(digest)]
    assert became(receipt, "lab/parent-2@1.0.0")[WEIGHTS] == "deleted"


def test_a_killed_job_runs_again_and_a_failed_one_may_be_revived(owner, parents, store, monkeypatch):
    removal = request_removal(owner, parents[0].adapter, reason="no")
    own = weights_of(parents[0])
    job = Job.objects.get(pk=removal.job_id)
    remove_bytes(job, silent)
    assert not store.has(own)
    abandon_removal(job, {"code": "storage_unavailable", "detail": "away"})
    removal.refresh_from_db()
    assert (removal.state, removal.error["code"]) == ("failed", "storage_unavailable")
    with pytest.raises(Gone):
        remove_bytes(job, silent)
    revive_removal(job)
    receipt = run(removal)
    assert became(receipt, "lab/parent-1@1.0.0")[WEIGHTS] == "absent"


def test_it_waits_for_a_backup_that_is_being_taken(owner, parents, store, monkeypatch):
    removal = request_removal(owner, parents[0].adapter, reason="no")
    own, waited = weights_of(parents[0]), []
    monkeypatch.setattr("catalog.removals.removing.sleep", lambda seconds: None)
    with collection_held("a backup"):

        def stop(progress, note) -> None:
            waited.append(note)
            if len(waited) > 2:
                raise StorageError("stop", "enough seen")

        with pytest.raises(StorageError):
            remove_bytes(Job.objects.get(pk=removal.job_id), stop)
        assert store.has(own)
        assert "backup" in waited[-1]
    run(removal)
    assert not store.has(own)


def test_an_owner_removes_with_a_reason_what_there_is(owner, parents):
    stranger = make_user("stranger")
    with pytest.raises(NotPermitted):
        request_removal(stranger, parents[0].adapter, reason="no")
    with pytest.raises(InvalidInput):
        request_removal(owner, parents[0].adapter, reason=" ")
    with pytest.raises(NotFound):
        request_removal(owner, parents[0].adapter, "9.9.9", reason="no")
    private = publish(owner, lora_files(seed=8), "lab/private", visibility="private")
    with pytest.raises(NotFound):
        adapter_to_remove(stranger, private.adapter.full_name)
    assert Removal.objects.visible_to(stranger).count() == 0
    assert not Removal.objects.exists()
