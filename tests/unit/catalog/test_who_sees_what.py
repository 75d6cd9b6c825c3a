"""One table: who sees an adapter, its revision, its files and its job, for each visibility and state."""

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.adapters.models import Adapter, Revision
from catalog.adapters.publication import reject_revision, yank_version
from catalog.adapters.queries import get_adapter, get_file, get_revision
from catalog.errors import NotFound
from catalog.jobs.models import Job
from catalog.removals.withdrawing import delete_adapter
from catalog.search.queries import SearchQuery, matching
from tests.unit.catalog.factories import REFUSED, accept, make_namespace, make_user, publish, push, record_verdict

pytestmark = pytest.mark.django_db

VIEWERS = ("anonymous", "stranger", "reader", "writer", "staff")
INSIDE = {"reader", "writer", "staff"}
EVERYBODY = set(VIEWERS)
NOBODY: set[str] = set()

# visibility, state -> who sees the adapter, the revision, the listing entry
TABLE = [
    ("public", "validating", INSIDE, INSIDE, NOBODY),
    ("public", "invalid", INSIDE, INSIDE, NOBODY),
    ("public", "pending", INSIDE, INSIDE, NOBODY),
    ("public", "rejected", INSIDE, INSIDE, NOBODY),
    ("public", "published", EVERYBODY, EVERYBODY, EVERYBODY),
    ("public", "yanked", EVERYBODY, EVERYBODY, NOBODY),
    ("public", "withdrawn", NOBODY, NOBODY, NOBODY),
    ("private", "validating", INSIDE, INSIDE, NOBODY),
    ("private", "pending", INSIDE, INSIDE, NOBODY),
    ("private", "published", INSIDE, INSIDE, INSIDE),
    ("private", "yanked", INSIDE, INSIDE, NOBODY),
    ("private", "withdrawn", NOBODY, NOBODY, NOBODY),
]


@pytest.fixture
def people():
    """One viewer of each kind, and the owner of ``lab``."""
    people = {name: make_user(name) for name in ("owner", "stranger", "reader", "writer")}
    people["staff"] = make_user("staff", is_admin=True)
    make_namespace(people["owner"], reader=people["reader"], writer=people["writer"])
    return people | {"anonymous": AnonymousUser()}


def bring_to(state: str, people, visibility: str) -> Revision:
    """A revision of ``lab/ner`` in ``state``."""
    owner = people["owner"]
    if state in ("published", "yanked", "withdrawn"):
        revision = publish(owner, visibility=visibility, version="1.0.0")
        if state == "yanked":
            yank_version(owner, revision.adapter, "1.0.0", reason="wrong labels")
        if state == "withdrawn":
            delete_adapter(owner, revision.adapter)
    else:
        revision = push(owner, visibility=visibility, version="1.0.0")
        if state == "invalid":
            record_verdict(revision, inspection=REFUSED, base=None)
        if state in ("pending", "rejected"):
            accept(revision)
        if state == "rejected":
            reject_revision(revision, actor=owner, reason="no")
    revision.refresh_from_db()
    assert revision.state == state
    return revision


@pytest.mark.parametrize(("visibility", "state", "see_adapter", "see_revision", "see_entry"), TABLE)
def test_who_sees_what(people, visibility, state, see_adapter, see_revision, see_entry):
    revision = bring_to(state, people, visibility)

    def seeing(queryset_of):
        return {name for name in VIEWERS if queryset_of(people[name]).exists()}

    assert seeing(Adapter.objects.visible_to) == see_adapter
    assert seeing(Revision.objects.visible_to) == see_revision
    assert seeing(lambda viewer: matching(SearchQuery(), viewer)) == see_entry
    assert seeing(lambda viewer: Job.objects.visible_to(viewer).filter(pk=revision.validation_job_id)) == INSIDE
    for name in VIEWERS:
        if name in see_revision:
            adapter = get_adapter(people[name], "LAB/Ner")
            assert get_revision(people[name], adapter, revision.commit_id).files.count() == 3
            file = get_file(people[name], "LAB/Ner", revision.commit_id, "README.md")
            assert file.sha256 == revision.files.get(path="README.md").blob_id
        else:
            with pytest.raises(NotFound):
                get_revision(people[name], get_adapter(people[name], "lab/ner"), revision.commit_id)
            for ref in (revision.commit_id, "1.0.0", "main"):
                with pytest.raises(NotFound):
                    get_file(people[name], "lab/ner", ref, "README.md")


@pytest.mark.parametrize("name", VIEWERS)
def test_absent_and_hidden_raise_the_same(people, name):
    push(people["owner"], visibility="private")
    with pytest.raises(NotFound) as absent:
        get_adapter(people[name], "lab/other")
    if name in INSIDE:
        assert get_adapter(people[name], "lab/ner").full_name == "lab/ner"
        return
    with pytest.raises(NotFound) as hidden:
        get_adapter(people[name], "lab/ner")
    assert hidden.value.as_dict() == {**absent.value.as_dict(), "detail": hidden.value.detail}
    assert hidden.value.detail == absent.value.detail.replace("lab/other", "lab/ner")


def test_one_member_after_the_other_sees_his_own_files(people):
    other = make_user("other")
    make_namespace(other, "theirs")
    publish(people["owner"], visibility="private", version="1.0.0")
    publish(other, None, "theirs/ner", visibility="private", version="1.0.0")
    for name, seen in (("lab/ner", people["owner"]), ("theirs/ner", other), ("lab/ner", people["reader"])):
        assert get_file(seen, name, "1.0.0", "README.md").size_bytes
    for name, unseen in (("lab/ner", other), ("theirs/ner", people["owner"]), ("theirs/ner", people["anonymous"])):
        with pytest.raises(NotFound):
            get_file(unseen, name, "1.0.0", "README.md")


def test_a_pending_revision_of_a_public_adapter_stays_hidden_beside_a_published_one(people):
    publish(people["owner"], version="1.0.0")
    pending = accept(push(people["owner"], {"README.md": b"another"}, version="1.1.0"))
    adapter = get_adapter(people["stranger"], "lab/ner")
    for ref in ("1.1.0", pending.commit_id):
        with pytest.raises(NotFound):
            get_revision(people["stranger"], adapter, ref)
    assert get_revision(people["stranger"], adapter).version.name == "1.0.0"
    assert get_revision(people["stranger"], adapter, "main").version.name == "1.0.0"


def test_whoever_submitted_a_job_sees_it_outside_any_namespace(people):
    job = Job.objects.get(pk=push(people["writer"]).validation_job_id)
    job.namespace = None
    job.save()
    assert Job.objects.visible_to(people["writer"]).exists()
    assert not Job.objects.visible_to(people["owner"]).exists()
