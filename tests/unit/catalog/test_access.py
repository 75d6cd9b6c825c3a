"""Who sees what by leave, until when, and what is hidden because of what it was computed from."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from catalog.access.models import Grant, Origin
from catalog.access.services import grant_access, grants_of, revoke_access
from catalog.accounts.services import remove_member, set_member
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.queries import get_adapter, get_file, get_revision, offered_versions
from catalog.adapters.services import update_adapter
from catalog.errors import InvalidInput, NotFound, NotPermitted
from catalog.retention.fsck import fsck
from catalog.reviews.models import AuditEvent
from catalog.search.models import SearchEntry
from catalog.search.queries import SearchQuery, search
from tests.unit.catalog.deriving import publish_merge
from tests.unit.catalog.factories import accept, lora_files, make_namespace, make_user, publish, push

pytestmark = pytest.mark.django_db
ANYBODY = AnonymousUser()


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def friend():
    return make_user("friend")


def sees(viewer, revision: Revision, ref: str = "0.1.0") -> bool:
    """Whether every channel shows it, or none."""
    name = revision.adapter.full_name
    channels = {
        Adapter.objects.visible_to(viewer).filter(pk=revision.adapter_id).exists(),
        Revision.objects.visible_to(viewer).filter(pk=revision.pk).exists(),
        name in {row.full_name for row in search(SearchQuery(), viewer).rows},
        name in {row.full_name for row in search(SearchQuery(text=name), viewer).rows},
    }
    try:
        assert get_file(viewer, name, ref, "README.md")
        assert get_revision(viewer, get_adapter(viewer, name))
        channels.add(True)
    except NotFound:
        channels.add(False)
    assert len(channels) == 1, "the channels disagree"
    return channels.pop()


@pytest.fixture
def private(owner) -> Revision:
    return publish(owner, lora_files(), "lab/private", visibility="private")


def test_a_private_adapter_is_seen_by_whom_its_owner_names_until_he_takes_it_back(owner, friend, private):
    assert not sees(friend, private)
    grant = grant_access(owner, private.adapter, user="friend", note="for the review")
    assert sees(friend, private)
    assert not sees(ANYBODY, private)
    assert not sees(make_user("stranger"), private)
    revoke_access(owner, private.adapter, grant.pk)
    assert not sees(friend, private)
    actions = AuditEvent.objects.filter(subject="lab/private").order_by("pk").values_list("action", flat=True)
    assert list(actions)[-2:] == ["grant", "revoke"]


def test_leave_for_a_group_is_leave_for_whoever_is_in_it_now(owner, friend, private):
    lead = make_user("lead")
    group = make_namespace(lead, "readers")
    grant_access(owner, private.adapter, namespace="readers")
    assert not sees(friend, private)
    set_member(lead, group, username="friend", role="reader")
    assert sees(friend, private)
    remove_member(lead, group, username="friend")
    assert not sees(friend, private)


def test_leave_ends_when_it_was_said_to_end(owner, friend, private):
    grant = grant_access(owner, private.adapter, user="friend", expires_at=timezone.now() + timedelta(days=1))
    assert sees(friend, private)
    Grant.objects.filter(pk=grant.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not sees(friend, private)
    assert grants_of(owner, private.adapter).get() == grant, "its owner still sees that there was one"


def test_leave_shows_what_was_published_and_no_draft(owner, friend, private):
    grant_access(owner, private.adapter, user="friend")
    draft = accept(push(owner, lora_files(seed=2), "lab/private", version="0.2.0"))
    for ref in ("0.2.0", draft.commit_id):
        with pytest.raises(NotFound):
            get_revision(friend, private.adapter, ref)
    assert not Revision.objects.visible_to(friend).filter(pk=draft.pk).exists()


def test_only_an_owner_gives_leave_and_to_somebody_whom_there_is(owner, friend, private):
    writer = make_user("writer")
    set_member(owner, private.adapter.namespace, username="writer", role="writer")
    for actor in (writer, friend):
        with pytest.raises(NotPermitted):
            grant_access(actor, private.adapter, user="friend")
    with pytest.raises(NotPermitted):
        grants_of(friend, private.adapter)
    with pytest.raises(InvalidInput):
        grant_access(owner, private.adapter)
    with pytest.raises(InvalidInput):
        grant_access(owner, private.adapter, user="friend", namespace="lab")
    with pytest.raises(InvalidInput):
        grant_access(owner, private.adapter, user="friend", expires_at=timezone.now() - timedelta(seconds=1))
    for nobody in ({"user": "nobody"}, {"namespace": "nowhere"}):
        with pytest.raises(NotFound):
            grant_access(owner, private.adapter, **nobody)
    with pytest.raises(NotFound):
        revoke_access(owner, private.adapter, 404)
    assert not Grant.objects.exists()


def test_a_merge_is_seen_by_those_alone_who_see_all_it_was_made_of(owner, friend, private, tmp_path):
    public = publish(owner, lora_files(seed=2), "lab/public")
    merged = publish_merge(owner, "lab/merged", public, private, folder=tmp_path)
    for outsider in (friend, ANYBODY):
        assert sees(outsider, public)
        assert not sees(outsider, merged), "public itself, but made of something private"
    assert sees(owner, merged)
    assert sees(make_user("staff", is_admin=True), merged)
    grant_access(owner, private.adapter, user="friend")
    assert sees(friend, merged)
    update_adapter(owner, public.adapter, visibility="private")
    assert not sees(friend, merged), "one parent is hidden from him again"


def test_what_a_merge_was_made_of_counts_through_every_generation(owner, friend, private, tmp_path):
    first = publish_merge(owner, "lab/first", private, folder=tmp_path)
    second = publish_merge(owner, "lab/second", first, folder=tmp_path, seed=11)
    assert not sees(friend, second)
    update_adapter(owner, private.adapter, visibility="public")
    assert sees(friend, second)
    assert sees(ANYBODY, second)


def test_leave_for_the_merge_is_no_leave_for_its_parents(owner, friend, private, tmp_path):
    merged = publish_merge(owner, "lab/merged", private, folder=tmp_path, visibility="private")
    grant_access(owner, merged.adapter, user="friend")
    assert not sees(friend, merged)
    grant_access(owner, private.adapter, user="friend")
    assert sees(friend, merged)


def test_a_member_who_may_not_see_a_parent_does_not_see_the_merge_in_his_own_namespace(
    owner, friend, private, tmp_path
):
    both = make_namespace(owner, "shared", reader=friend)
    merged = publish_merge(owner, f"{both.name}/merged", private, folder=tmp_path)
    assert not Revision.objects.visible_to(friend).filter(pk=merged.pk).exists()
    with pytest.raises(NotFound):
        get_file(friend, "shared/merged", merged.commit_id, "README.md")
    assert search(SearchQuery(), friend).rows == []


def test_versions_that_were_pushed_are_still_offered_beside_one_that_is_hidden(owner, private, tmp_path):
    pushed = publish(owner, lora_files(seed=3), "lab/mixed", version="1.0.0")
    merged = publish_merge(owner, "lab/mixed", private, folder=tmp_path)
    assert merged.version.name == "1.0.1"
    assert offered_versions(owner, pushed.adapter) == ["1.0.1", "1.0.0"]
    assert offered_versions(ANYBODY, pushed.adapter) == ["1.0.0"]
    assert get_revision(ANYBODY, get_adapter(ANYBODY, "lab/mixed"), "1.0.0").pk == pushed.pk
    with pytest.raises(NotFound):
        get_file(ANYBODY, "lab/mixed", "1.0.1", "README.md")


def test_fsck_finds_and_mends_a_merge_that_does_not_know_its_parents(owner, friend, private, tmp_path):
    merged = publish_merge(owner, "lab/merged", private, folder=tmp_path)
    Origin.objects.all().delete()
    assert sees(friend, merged)
    assert [finding.code for finding in fsck(is_repairing=True)] == ["origin_missing"]
    assert not sees(friend, merged)
    Revision.objects.filter(pk=merged.pk).update(is_derived=False)
    SearchEntry.objects.filter(adapter=merged.adapter).update(is_derived=False)
    assert [finding.code for finding in fsck(is_repairing=True)] == ["origin_missing", "entry_differs"]
    assert not sees(friend, merged)
    assert [finding.code for finding in fsck()] == []
