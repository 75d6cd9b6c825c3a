"""Copies are found under every disguise, and nobody learns of an adapter that he may not see."""

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, reject_revision
from catalog.adapters.services import create_adapter
from catalog.bases.services import register_base
from catalog.errors import InvalidInput, NotFound
from catalog.jobs.models import Job
from catalog.removals.withdrawing import delete_adapter
from catalog.similarity import comparing, near
from catalog.similarity.comparing import compare_with_all
from catalog.similarity.models import Fingerprint
from catalog.similarity.near import copies_of, fingerprint_of, similar_to
from catalog.similarity.proposing import propose_families
from catalog.similarity.recording import request_missing
from tests.unit.catalog.deriving import finish_merge, open_merge
from tests.unit.catalog.factories import PROJECTION, WIDTH, accept, make_base, make_namespace, make_user, push
from tests.unit.catalog.likening import likeness_files, pushed, take_fingerprint

pytestmark = pytest.mark.django_db


class Hub:
    """Two organisations that know nothing of each other, and a base model."""

    def __init__(self) -> None:
        self.admin = make_user("boss", is_admin=True)
        self.owner, self.writer, self.rival = (make_user(name) for name in ("owner", "writer", "rival"))
        make_namespace(self.owner, writer=self.writer)
        make_namespace(self.rival, "rivals")
        self.base = make_base(self.owner)

    def published(self, *args, actor=None, **options) -> Revision:
        revision = pushed(actor or self.owner, self.base, *args, **options)
        return publish_revision(revision, actor=actor or self.owner)

    def theirs(self, files, adapter="rivals/secret", **options) -> Revision:
        return self.published(files, adapter, actor=self.rival, **options)

    def suspect(self, files, adapter="lab/fresh") -> Revision:
        """Pushed by the writer: it waits for the owner's review."""
        return pushed(self.writer, self.base, files, adapter)


@pytest.fixture
def hub():
    return Hub()


def names(rows) -> list[str]:
    return [str(row.revision.adapter) for row in rows]


# ---- copies


def test_equal_tensors_under_another_name_and_config_are_the_same_tensors(hub):
    hub.theirs(likeness_files(1), visibility="public")
    [row] = copies_of(hub.owner, hub.suspect(likeness_files(1, lora_dropout=0.2))).found
    assert (str(row.revision.adapter), row.likeness, row.cosine) == ("rivals/secret", "same_tensors", 1.0)


@pytest.mark.parametrize(
    ("files", "strength"),
    [(likeness_files(1, gauge=5), 1.0), (likeness_files(1, gauge=5, lora_alpha=32), 4.0)],
    ids=["other factors", "other factors and four times the strength"],
)
def test_a_disguised_copy_is_a_copy_and_its_strength_is_told(hub, files, strength):
    hub.theirs(files, visibility="public")
    [row] = copies_of(hub.owner, hub.suspect(likeness_files(1))).found
    assert (row.likeness, row.has_same_tensors) == ("copy", False)
    assert row.cosine > 0.9999
    assert row.norm_ratio == pytest.approx(strength, rel=1e-4)


def test_a_disturbed_copy_is_a_near_duplicate_and_a_stranger_is_nothing(hub):
    hub.theirs(likeness_files(1, noise=0.3), visibility="public")
    hub.theirs(likeness_files(2), "rivals/other", visibility="public")
    [row] = copies_of(hub.owner, hub.suspect(likeness_files(1))).found
    assert row.likeness == "near_duplicate"
    assert 0.9 <= row.cosine < 0.99
    assert 0 < row.standard_error < 0.01


def test_a_copy_for_another_base_model_of_the_same_modules_is_found(hub):
    sibling = register_base(hub.rival, name="tiny/llama-chat", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]}).base
    assert sibling.pk != hub.base.pk
    hub.published(likeness_files(1, gauge=2), "lab/original")
    copy = pushed(hub.rival, sibling, likeness_files(1, base_model_name_or_path="tiny/llama-chat"), "rivals/relabelled")
    [row] = copies_of(hub.rival, copy).found
    assert (str(row.revision.adapter), row.likeness) == ("lab/original", "copy")


def test_reviewers_see_what_they_refused_before_under_another_name(hub):
    refused = hub.suspect(likeness_files(1), "lab/first-try")
    reject_revision(refused, actor=hub.owner, reason="Whose data is that?")
    [row] = copies_of(hub.owner, hub.suspect(likeness_files(1, gauge=3), "lab/second-try")).found
    assert (str(row.revision.adapter), row.revision.state) == ("lab/first-try", "rejected")
    assert similar_to(hub.owner, row.revision).similar != []


def test_what_was_made_from_it_here_is_said_to_be(hub, tmp_path):
    parent = hub.published(likeness_files(1), "lab/parent")
    _, job = open_merge(hub.owner, create_adapter(hub.owner, full_name="lab/child"), parent)
    child = finish_merge(job, tmp_path / "made").revision
    accept(child, hub.base)
    for revision in (child, parent):
        Fingerprint.objects.update_or_create(
            revision=revision,
            defaults={name: getattr(parent.fingerprint, name) for name in ("space", "version", "layout", "norm")}
            | {"update_code": parent.fingerprint.update_code, "tensors_digest": f"{revision.pk}"},
        )
    assert [row.relation for row in copies_of(hub.owner, child).found] == ["parent"]
    assert [row.relation for row in copies_of(hub.owner, parent).found] == ["child"]


# ---- what nobody may learn


@pytest.mark.parametrize(
    "files", [likeness_files(1), likeness_files(1, gauge=4)], ids=["same tensors", "other factors"]
)
def test_a_copy_of_a_private_adapter_is_said_to_exist_and_nothing_else(hub, files):
    hub.theirs(files, visibility="private")
    suspect = hub.suspect(likeness_files(1))
    told = copies_of(hub.owner, suspect)
    assert (told.found, told.has_hidden) == ([], True)
    [seen] = copies_of(hub.admin, suspect).found
    assert str(seen.revision.adapter) == "rivals/secret"
    assert copies_of(hub.admin, suspect).has_hidden is False


def test_only_reviewers_who_did_not_push_it_are_told_of_a_hidden_copy(hub):
    hub.theirs(likeness_files(1), visibility="private")
    suspect = hub.suspect(likeness_files(1))
    assert copies_of(hub.writer, suspect).has_hidden is False
    own = pushed(hub.owner, hub.base, likeness_files(1), "lab/mine")
    assert copies_of(hub.owner, own).has_hidden is False


def test_a_hidden_near_duplicate_is_not_even_said_to_exist(hub):
    hub.theirs(likeness_files(1, noise=0.3), visibility="private")
    told = copies_of(hub.owner, hub.suspect(likeness_files(1)))
    assert (told.found, told.has_hidden) == ([], False)


def test_what_was_refused_deleted_or_never_accepted_elsewhere_is_no_hidden_copy(hub):
    refused = pushed(hub.rival, hub.base, likeness_files(1), "rivals/refused", visibility="private")
    reject_revision(refused, actor=hub.rival, reason="No.")
    delete_adapter(hub.rival, hub.theirs(likeness_files(1), "rivals/deleted", visibility="private").adapter)
    assert copies_of(hub.owner, hub.suspect(likeness_files(1))).has_hidden is False


def test_similar_adapters_are_those_that_the_viewer_may_see(hub):
    hub.theirs(likeness_files(1), visibility="private")
    hub.theirs(likeness_files(1, noise=0.5), "rivals/open", visibility="public")
    pushed(hub.rival, hub.base, likeness_files(1, gauge=1), "rivals/waiting")
    mine = hub.published(likeness_files(1, gauge=9), "lab/mine")
    everybody = ["rivals/open"]
    assert names(similar_to(AnonymousUser(), mine).similar) == everybody
    assert names(similar_to(hub.writer, mine).similar) == everybody
    assert sorted(names(similar_to(hub.rival, mine).similar)) == ["rivals/open", "rivals/secret", "rivals/waiting"]
    assert len(similar_to(hub.admin, mine).similar) == 3


def test_hidden_ones_take_no_place_of_those_that_may_be_seen(hub, monkeypatch):
    monkeypatch.setattr(near, "_CHUNK", 2)
    monkeypatch.setattr(comparing, "_BATCH_ROWS", 3)
    for number in range(5):
        hub.theirs(likeness_files(1, gauge=number), f"rivals/hidden-{number}", visibility="private")
    hub.theirs(likeness_files(1, noise=0.4), "rivals/open", visibility="public")
    hub.theirs(likeness_files(1, noise=0.6), "rivals/further", visibility="public")
    mine = hub.published(likeness_files(1), "lab/mine")
    assert names(similar_to(hub.owner, mine, limit=1).similar) == ["rivals/open"]
    assert names(similar_to(hub.owner, mine).similar) == ["rivals/open", "rivals/further"]
    assert copies_of(hub.rival, mine, limit=3).found[0].has_same_tensors is False


def test_an_adapter_is_named_once_by_its_nearest_version_and_never_itself(hub):
    hub.published(likeness_files(1, noise=0.5), "lab/other", version="1.0.0")
    hub.published(likeness_files(1, noise=0.1), "lab/other", version="1.1.0")
    hub.published(likeness_files(1), "lab/mine", version="1.0.0")
    second = hub.published(likeness_files(1, gauge=2), "lab/mine", version="1.1.0")
    [row] = similar_to(hub.owner, second).similar
    assert (str(row.revision.adapter), row.revision.version.name) == ("lab/other", "1.1.0")


def test_a_space_of_other_modules_is_not_compared(hub):
    wide = register_base(
        hub.owner, name="tiny/wide", shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH], "lm_head.weight": [9, WIDTH]}
    )
    pushed(hub.owner, wide.base, likeness_files(2), "lab/wide")
    mine = hub.published(likeness_files(1), "lab/mine")
    Fingerprint.objects.exclude(revision=mine).update(layout="another")
    assert len(compare_with_all(fingerprint_of(mine)).revision_ids) == 0


def test_without_a_fingerprint_it_says_so(hub):
    bare = accept(push(hub.owner, likeness_files(1), "lab/bare"), hub.base)
    with pytest.raises(NotFound, match="not_fingerprinted"):
        similar_to(hub.owner, bare)


# ---- the same start


def test_adapters_of_one_start_are_found_and_proposed_as_a_family(hub):
    for seed in (1, 2, 3):
        hub.published(likeness_files(seed, start=50), f"lab/of-50-{seed}")
    hub.theirs(likeness_files(4, start=50), "rivals/of-50", visibility="public")
    hub.theirs(likeness_files(5, start=50), "rivals/hidden-of-50", visibility="private")
    alone = hub.published(likeness_files(6), "lab/alone")
    mine = Revision.objects.get(adapter__name="of-50-1")
    found = similar_to(hub.owner, mine)
    assert sorted(names(found.same_start)) == ["lab/of-50-2", "lab/of-50-3", "rivals/of-50"]
    assert similar_to(hub.owner, alone).same_start == []
    told = propose_families(hub.owner, hub.base)
    [proposal] = told.proposals
    assert [str(one.adapter) for one in proposal.members] == [
        "lab/of-50-1",
        "lab/of-50-2",
        "lab/of-50-3",
        "rivals/of-50",
    ]
    assert (told.considered, told.alone, told.is_whole) == (5, 1, True)
    assert proposal.mean_initial_a == pytest.approx(1.0, abs=1e-4)
    assert (proposal.ranks, proposal.namespaces, proposal.modules) == ([4], ["lab", "rivals"], 1)


def test_a_proposal_keeps_to_a_namespace_a_size_and_one_layout(hub, monkeypatch):
    for seed in (1, 2, 3):
        hub.published(likeness_files(seed, start=50), f"lab/a-{seed}")
    hub.theirs(likeness_files(4, start=50), visibility="public")
    [proposal] = propose_families(hub.rival, hub.base, namespace="LAB").proposals
    assert len(proposal.members) == 3
    assert propose_families(hub.owner, hub.base, least_members=5).proposals == []
    Fingerprint.objects.filter(revision__adapter__name="a-1").update(layout="another")
    assert [len(one.members) for one in propose_families(hub.owner, hub.base).proposals] == [3]
    monkeypatch.setattr("catalog.similarity.proposing.MOST_CONSIDERED", 2)
    assert propose_families(hub.owner, hub.base).is_whole is False
    with pytest.raises(InvalidInput, match="2 at least"):
        propose_families(hub.owner, hub.base, least_members=1)


# ---- those that are missing


def test_missing_and_outdated_fingerprints_are_asked_for_once(hub):
    accept(push(hub.owner, likeness_files(1), "lab/bare"), hub.base)
    pushed(hub.owner, hub.base, likeness_files(2), "lab/fresh")
    old = pushed(hub.owner, hub.base, likeness_files(3), "lab/old")
    Fingerprint.objects.filter(revision=old).update(version=0)
    push(hub.owner, likeness_files(4), "lab/still-validating")
    assert request_missing() == 2
    jobs = Job.objects.filter(kind="fingerprint")
    assert sorted(job.subject_name for job in jobs) == ["lab/bare@0.1.0", "lab/old@0.1.0"]
    assert {job.priority_name for job in jobs} == {"background"}
    assert request_missing() == 0
    jobs.update(state="failed")
    assert request_missing() == 0


def test_a_new_fingerprint_replaces_the_old_one(hub):
    revision = pushed(hub.owner, hub.base, likeness_files(1), "lab/one")
    before = Fingerprint.objects.get(revision=revision)
    take_fingerprint(revision)
    after = Fingerprint.objects.get()
    assert bytes(after.update_code) == bytes(before.update_code)
    assert len(after.update_code) == 512
    assert np.isfinite(after.norm)
