"""What is withdrawn is handed out no more from that moment, and neither is what was computed from it."""

from functools import partial

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.accounts.services import set_member
from catalog.adapters.models import Ref, Revision, Version
from catalog.adapters.queries import get_adapter, get_file, get_revision
from catalog.adapters.resolution import resolve
from catalog.adapters.services import create_adapter
from catalog.derivations.pedigree import pedigree_of
from catalog.errors import Conflict, Gone, InvalidInput, NotFound, NotPermitted
from catalog.families.models import Basis, Family, Fit
from catalog.removals.models import Withdrawal
from catalog.removals.queries import withdrawn_digests
from catalog.removals.withdrawing import delete_adapter, withdraw_adapter, withdraw_version
from catalog.retention.fsck import fsck
from catalog.reviews.models import AuditEvent
from catalog.search.queries import SearchQuery, search
from tests.unit.catalog.based import hold_basis
from tests.unit.catalog.deriving import finish_merge, open_merge, publish_merge
from tests.unit.catalog.factories import (
    accept,
    lora_files,
    make_base,
    make_namespace,
    make_user,
    publish,
    push,
    together,
)
from tests.unit.catalog.families import make_family

pytestmark = pytest.mark.django_db
ANYBODY = AnonymousUser()


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def parent(owner) -> Revision:
    return publish(owner, lora_files(seed=1), "lab/parent", version="1.0.0")


@pytest.fixture
def child(owner, parent, tmp_path) -> Revision:
    """A merge of ``parent`` in somebody else's namespace."""
    other = make_user("other")
    make_namespace(other, "team")
    return publish_merge(other, "team/child", parent, folder=tmp_path)


def withdraw(owner, parent, **options):
    return withdraw_version(owner, parent.adapter, "1.0.0", reason="its data may not be used", **options)


def assert_gone(name: str, *refs: str) -> Gone:
    """Every way to the bytes says that they are gone, and why."""
    for ref in refs:
        with pytest.raises(Gone, match="its data may not be used") as refusal:
            get_revision(ANYBODY, get_adapter(ANYBODY, name), ref)
        assert refusal.value.code == "withdrawn"
        with pytest.raises(Gone, match="its data may not be used"):
            get_file(ANYBODY, name, ref, "adapter_model.safetensors")
        with pytest.raises(Gone, match="its data may not be used"):
            resolve(ANYBODY, f"{name}@{ref}")
    return refusal.value


def test_the_reason_stands_where_the_bytes_were_and_names_the_digests(owner, parent):
    digests = set(parent.files.values_list("blob_id", flat=True))
    withdraw(owner, parent)
    refusal = assert_gone("lab/parent", "1.0.0", parent.commit_id)
    assert set(refusal.more["digests"]) == digests
    with pytest.raises(Gone, match="its data may not be used"):
        resolve(ANYBODY, "lab/parent")
    with pytest.raises(NotFound):
        get_file(ANYBODY, "lab/parent", "main", "README.md")
    assert search(SearchQuery(), ANYBODY).rows == []
    assert not Ref.objects.filter(adapter=parent.adapter).exists()
    assert AuditEvent.objects.filter(action="withdraw").get().note == "its data may not be used"
    assert [finding.code for finding in fsck()] == []


def test_everything_made_of_it_goes_in_the_same_moment_through_every_generation(owner, parent, child, tmp_path):
    third = make_user("third")
    make_namespace(third, "far")
    grandchild = publish_merge(third, "far/grandchild", child, folder=tmp_path, seed=12)
    done = withdraw(owner, parent)
    assert [row.pk for row in done.revisions] == [parent.pk, child.pk, grandchild.pk]
    for revision in (child, grandchild):
        assert_gone(revision.adapter.full_name, "0.1.0", revision.commit_id)
        assert str(Withdrawal.objects.get(revision=revision).cause.adapter) == "lab/parent"
    assert search(SearchQuery(), ANYBODY).rows == []


def test_a_draft_that_was_made_of_it_goes_too_and_its_version_is_free(owner, parent, tmp_path):
    target = create_adapter(owner, full_name="lab/merged")
    _, job = open_merge(owner, target, parent, version="2.0.0")
    draft = accept(finish_merge(job, tmp_path / "draft").revision)
    withdraw(owner, parent)
    draft.refresh_from_db()
    assert draft.state == "withdrawn"
    assert not Version.objects.filter(adapter=target).exists()


def test_a_job_that_keeps_its_child_a_moment_later_keeps_nothing(owner, parent, tmp_path):
    target = create_adapter(owner, full_name="lab/merged")
    _, job = open_merge(owner, target, parent)
    withdraw(owner, parent)
    with pytest.raises(Gone, match="parent_gone"):
        finish_merge(job, tmp_path / "late")
    assert not target.revisions.exists()


def test_flagged_it_stays_and_says_what_it_was_made_of(owner, parent, child):
    done = withdraw(owner, parent, derived="flag")
    assert [row.pk for row in done.revisions] == [parent.pk]
    resolved = resolve(ANYBODY, "team/child")
    assert [warning["code"] for warning in resolved.warnings] == ["parent_withdrawn"]
    assert "lab/parent@1.0.0" in resolved.warnings[0]["detail"]
    assert "its data may not be used" in resolved.warnings[0]["detail"]
    assert [row.subject for row in pedigree_of(ANYBODY, child).withdrawn_parents] == ["lab/parent@1.0.0"]
    withdraw(owner, parent)
    assert_gone("team/child", "0.1.0")


def test_other_versions_are_offered_as_before(owner, parent):
    newer = publish(owner, lora_files(seed=2), "lab/parent", version="1.1.0")
    withdraw_version(owner, newer.adapter, "1.1.0", reason="wrong")
    adapter = get_adapter(ANYBODY, "lab/parent")
    assert adapter.default_version.name == "1.0.0"
    assert get_revision(ANYBODY, adapter, "main").pk == parent.pk
    assert [finding.code for finding in fsck()] == []


def test_a_withdrawn_version_is_burned(owner, parent):
    withdraw(owner, parent)
    for files in (lora_files(seed=1), lora_files(seed=2)):
        with pytest.raises(Conflict, match="version_exists"):
            push(owner, files, "lab/parent", version="1.0.0")
    assert publish(owner, lora_files(seed=3), "lab/parent").version.name == "1.0.1"


def test_a_whole_adapter_may_be_withdrawn_with_its_drafts(owner, parent):
    draft = accept(push(owner, lora_files(seed=2), "lab/parent", version="1.1.0"))
    done = withdraw_adapter(owner, parent.adapter, reason="its data may not be used")
    assert {row.pk for row in done.revisions} == {parent.pk, draft.pk}
    assert_gone("lab/parent", "1.0.0")
    with pytest.raises(NotFound):
        get_revision(ANYBODY, get_adapter(ANYBODY, "lab/parent"), draft.commit_id)


def test_deleting_an_adapter_takes_along_what_was_made_of_it(owner, parent, child):
    delete_adapter(owner, parent.adapter, reason="its data may not be used")
    assert_gone("team/child", "0.1.0")


def test_a_private_thing_that_was_withdrawn_still_looks_absent(owner):
    private = publish(owner, lora_files(seed=4), "lab/private", version="1.0.0", visibility="private")
    digests = list(private.files.values_list("blob_id", flat=True))
    withdraw_version(owner, private.adapter, "1.0.0", reason="its data may not be used")
    with pytest.raises(NotFound):
        get_adapter(ANYBODY, "lab/private")
    assert withdrawn_digests(ANYBODY, digests) == []
    assert len(withdrawn_digests(owner, digests)) == len(digests)
    with pytest.raises(Gone):
        get_revision(owner, private.adapter, "1.0.0")


def test_a_digest_that_something_else_offers_is_not_withdrawn(owner, parent):
    other = publish(owner, lora_files(seed=2), "lab/other")
    shared = set(parent.files.values_list("blob_id", flat=True)) & set(other.files.values_list("blob_id", flat=True))
    weights = parent.files.get(path="adapter_model.safetensors").blob_id
    assert shared, "the same configuration"
    withdraw(owner, parent)
    assert [file.sha256 for file in withdrawn_digests(ANYBODY, [weights, *shared])] == [weights]
    with pytest.raises(InvalidInput):
        withdrawn_digests(ANYBODY, ["no digest"])


def test_an_owner_withdraws_with_a_reason_and_what_was_published(owner, parent):
    writer = make_user("writer")
    set_member(owner, parent.adapter.namespace, username="writer", role="writer")
    with pytest.raises(NotPermitted):
        withdraw(writer, parent)
    with pytest.raises(InvalidInput):
        withdraw_version(owner, parent.adapter, "1.0.0", reason=" ")
    with pytest.raises(InvalidInput):
        withdraw(owner, parent, derived="keep")
    with pytest.raises(NotFound):
        withdraw_version(owner, parent.adapter, "9.9.9", reason="no")
    push(owner, lora_files(seed=2), "lab/parent", version="2.0.0")
    with pytest.raises(Conflict, match="not_published"):
        withdraw_version(owner, parent.adapter, "2.0.0", reason="no")
    assert not Withdrawal.objects.exists()


@pytest.fixture
def basis(owner, parent, tmp_path) -> Basis:
    """A basis of ``lab/family`` that was fitted to ``lab/parent`` and onto which ``lab/late`` was projected."""
    late = publish(owner, lora_files(seed=5), "lab/late", version="1.0.0")
    return hold_basis(owner, make_base(owner), tmp_path, fitted=[parent], projected=[late])


def test_a_basis_that_was_fitted_to_it_goes_with_the_coefficients_of_all(owner, parent, basis):
    done = withdraw(owner, parent)
    basis.refresh_from_db()
    assert [row.pk for row in done.bases] == [basis.pk]
    assert (basis.state, basis.blob_id) == ("withdrawn", None)
    assert set(Fit.objects.values_list("state", "blob")) == {("withdrawn", None)}
    assert Family.objects.get().current is None
    files = Withdrawal.objects.get(basis=basis).files.values_list("path", flat=True)
    assert len(files) == 3, "the basis and the coefficients of both"
    assert Basis.objects.get() == basis, "of nobody left no basis can be made"


def test_the_members_that_are_left_get_a_basis_of_their_own_without_anybody_asking(owner, tmp_path):
    family = make_family(owner, 3)
    members = [member.adapter for member in family.members.order_by("pk")]
    fitted = [adapter.default_version.revision for adapter in members]
    basis = hold_basis(owner, family.base_model, tmp_path, fitted=fitted, projected=[], family=family)
    name = members[0].default_version.name
    withdraw_version(owner, members[0], name, reason="wrong")
    asked = Basis.objects.exclude(pk=basis.pk).get()
    assert (asked.state, asked.requested_by) == ("waiting", None)
    assert asked.reason == f"without {members[0]}@{name}, which was withdrawn"
    assert [row["adapter"] for row in asked.recipe["members"]] == [str(adapter) for adapter in members[1:]]
    assert asked.recipe["options"]["rank"] == 4


def test_what_was_only_projected_left_no_trace_in_a_basis(owner, parent, basis):
    late = Revision.objects.get(adapter__name="late")
    done = withdraw_version(owner, late.adapter, "1.0.0", reason="wrong")
    basis.refresh_from_db()
    assert (done.bases, basis.state) == ([], "ready")
    assert dict(Fit.objects.values_list("revision__adapter__name", "state")) == {
        "parent": "compressed",
        "late": "withdrawn",
    }


def test_flagged_a_basis_stays_without_the_coefficients_of_what_was_withdrawn(owner, parent, basis):
    withdraw(owner, parent, derived="flag")
    basis.refresh_from_db()
    assert basis.state == "ready"
    assert Basis.objects.visible_to(ANYBODY).get() == basis
    assert Fit.objects.get(revision=parent).state == "withdrawn"


@pytest.mark.django_db(transaction=True)
def test_a_child_that_is_kept_while_its_parent_is_withdrawn_never_outlives_it(tmp_path):
    owner = make_user("owner")
    make_namespace(owner)
    for number in range(6):
        parent = publish(owner, lora_files(seed=number), f"lab/parent-{number}", version="1.0.0")
        target = create_adapter(owner, full_name=f"lab/child-{number}")
        _, job = open_merge(owner, target, parent)
        files = tmp_path / str(number)
        kept, done = together(
            [
                partial(finish_merge, job, files, seed=50 + number),
                partial(withdraw_version, owner, parent.adapter, "1.0.0", reason="wrong"),
            ]
        )
        assert not isinstance(done, Exception), done
        assert isinstance(kept, Gone) or kept.revision_id
        assert set(target.revisions.values_list("state", flat=True)) <= {"withdrawn"}
