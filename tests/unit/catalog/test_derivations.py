"""What a job made out of adapters is a draft with its lineage, or nothing at all."""

import pytest

from catalog.adapters.models import Revision
from catalog.adapters.services import create_adapter
from catalog.adapters.storing import store_file
from catalog.derivations.drafting import abandon_derivation, revive_derivation, waiting_for
from catalog.derivations.lineage import ancestors_of, descendants_of, revisions_in_order
from catalog.errors import Conflict, Gone
from catalog.removals.withdrawing import delete_adapter
from catalog.retention.collection import collect_garbage
from storage import BlobStore
from tests.unit.catalog.deriving import finish_merge, open_merge
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def parents(owner) -> list[Revision]:
    return [publish(owner, lora_files(seed=seed), f"lab/parent-{seed}") for seed in (1, 2)]


@pytest.fixture
def target(owner):
    return create_adapter(owner, full_name="lab/merged")


def test_what_was_made_is_a_draft_that_names_its_parents_with_their_digests(owner, parents, target, tmp_path):
    _, job = open_merge(owner, target, *parents, version="1.0.0")
    made = finish_merge(job, tmp_path / "made", heads="kept")
    assert made.revision.state == "validating"
    assert made.revision.version.name == "1.0.0"
    assert made.revision.card == "Merged."
    assert made.report == {"heads": "kept"}
    assert [str(parent) for parent in made.parents.all()] == ["lab/parent-1@0.1.0", "lab/parent-2@0.1.0"]
    for parent, revision in zip(made.parents.all(), parents, strict=True):
        assert parent.digests == dict(revision.files.values_list("path", "blob_id"))


def test_a_parent_that_vanishes_while_the_job_runs_leaves_no_half_artefact(owner, parents, target, tmp_path, store):
    _, job = open_merge(owner, target, *parents)
    delete_adapter(owner, parents[1].adapter)
    with pytest.raises(Gone, match="parent_gone"):
        waiting_for(job)
    with pytest.raises(Gone, match="parent_gone"):
        finish_merge(job, tmp_path / "made")
    assert not target.revisions.exists()
    assert not list(store.staged())


def test_a_job_that_failed_may_be_tried_again(owner, parents, target, tmp_path):
    derivation, job = open_merge(owner, target, *parents)
    abandon_derivation(job, {"code": "child_died", "detail": "gone"})
    derivation.refresh_from_db()
    assert (derivation.state, derivation.error["code"]) == ("failed", "child_died")
    with pytest.raises(Gone):
        waiting_for(job)
    revive_derivation(job)
    assert finish_merge(job, tmp_path / "made").state == "made"


def test_a_version_that_was_taken_meanwhile_is_a_conflict(owner, parents, target, tmp_path):
    _, job = open_merge(owner, target, *parents, version="1.0.0")
    publish(owner, lora_files(seed=5), "lab/merged", version="1.0.0")
    with pytest.raises(Conflict, match="version_exists"):
        finish_merge(job, tmp_path / "made")


def test_lineage_is_followed_through_every_generation_and_names_each_once(owner, parents, target, tmp_path):
    _, job = open_merge(owner, target, *parents)
    child = finish_merge(job, tmp_path / "child").revision
    child.state = "pending"
    child.save()
    second = create_adapter(owner, full_name="lab/merged-again")
    _, job = open_merge(owner, second, child, parents[0])
    grandchild = finish_merge(job, tmp_path / "grandchild", seed=11).revision

    down = descendants_of([parents[0].pk])
    assert sorted(down.revision_ids) == [child.pk, grandchild.pk]
    up = ancestors_of([grandchild.pk])
    assert sorted(up.revision_ids) == sorted([child.pk, *(parent.pk for parent in parents)])
    assert len(up.steps) == 4
    assert revisions_in_order(up.revision_ids)[0].pk == up.revision_ids[0]
    assert descendants_of([grandchild.pk]).revision_ids == []


def test_a_file_of_our_own_is_hashed_into_the_store_and_leaves_nothing_staged(store: BlobStore, tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 40_000)
    seen: list[int] = []
    receipt = store_file(path, on_bytes=seen.append)
    assert b"".join(store.read(receipt.sha256)) == path.read_bytes()
    assert sum(seen) >= receipt.size_bytes == 10_240_000
    assert not list(store.staged())
    empty = tmp_path / "empty"
    empty.touch()
    assert store_file(empty).size_bytes == 0


def test_bytes_that_nothing_refers_to_yet_are_collected_only_after_their_grace(store: BlobStore, tmp_path, settings):
    path = tmp_path / "made.bin"
    path.write_bytes(b"made")
    digest = store_file(path).sha256
    collect_garbage()
    assert store.has(digest)
    settings.HUB_GC_GRACE_SECONDS = settings.HUB_GC_WAIT_SECONDS = 0
    for _ in range(2):
        collect_garbage()
    assert not store.has(digest)
