"""Collections: an order that somebody chose, every change a revision, and nothing shown to who may not see it."""

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.collections.changing import add_items, change_item, remove_items, set_items
from catalog.collections.diffs import diff_collection
from catalog.collections.models import CollectionItem
from catalog.collections.queries import (
    collections_with,
    find_collections,
    get_collection,
    get_collection_revision,
    items_of,
)
from catalog.collections.services import create_collection, delete_collection, update_collection
from catalog.errors import Conflict, InvalidInput, NotFound, NotPermitted, TooLarge
from catalog.records.importing import import_entries
from tests.unit.catalog.factories import accept, lora_files, make_base, make_namespace, make_user, push
from tests.unit.catalog.test_import_adapterhub import ENTRY, lines

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
RECORD = "records/adapterhub/ukp/bert_ner_de"


def publish(actor, seed, name, **options):
    """A published adapter of a namespace that needs no review."""
    accept(push(actor, lora_files(seed=seed), name, **options))


@pytest.fixture
def owner():
    """The owner of ``lab``, where nothing needs a review."""
    user = make_user("owner")
    make_namespace(user, "lab", is_review_required=False)
    make_base(user)
    return user


@pytest.fixture
def three(owner):
    """A collection of three adapters: a, b, c."""
    for seed, name in enumerate("abc"):
        publish(owner, seed + 1, f"lab/{name}")
    made = create_collection(owner, full_name="lab/tongues", summary="One a language")
    add_items(owner, made, ["lab/a", "lab/b", "lab/c"])
    return get_collection(owner, "lab/tongues")


def shown(actor, collection, number=None):
    return [str(item) for item in items_of(actor, get_collection_revision(collection, number))]


def again(collection):
    collection.refresh_from_db()
    return collection


def test_every_change_is_a_revision_and_none_ever_changes(owner, three):
    assert (three.number, shown(NOBODY, three)) == (2, ["lab/a", "lab/b", "lab/c"])
    change_item(owner, three, "lab/c", position=1, message="the best first")
    remove_items(owner, three, ["lab/b"])
    change_item(owner, three, "lab/a", note="for  short\ntexts")
    update_collection(owner, three, summary="Other words")
    assert again(three).number == 6
    assert shown(NOBODY, three) == ["lab/c", "lab/a"]
    assert [shown(NOBODY, three, number) for number in (1, 2, 3, 4)] == [
        [],
        ["lab/a", "lab/b", "lab/c"],
        ["lab/c", "lab/a", "lab/b"],
        ["lab/c", "lab/a"],
    ]
    assert [row.summary for row in three.revisions.order_by("number")][-2:] == ["One a language", "Other words"]
    assert items_of(NOBODY, get_collection_revision(three))[1].note == "for short texts"
    assert three.revisions.get(number=3).message == "the best first"


def test_what_changes_nothing_makes_no_revision(owner, three):
    add_items(owner, three, ["lab/a"])
    set_items(owner, three, [("lab/a", ""), ("lab/b", ""), ("lab/c", "")])
    change_item(owner, three, "lab/b", position=2)
    update_collection(owner, three, summary="One a language", visibility="private")
    assert again(three).number == 2


def test_records_and_versions_stand_beside_adapters(owner, three, tmp_path):
    import_entries(lines(tmp_path, ENTRY))
    add_items(owner, three, ["lab/a@0.1.0", RECORD, f"{RECORD}@2"], note="as it was")
    assert shown(NOBODY, again(three))[3:] == [
        "lab/a@0.1.0",
        "adapterhub/ukp/bert_ner_de",
        "adapterhub/ukp/bert_ner_de@2",
    ]
    items = list(items_of(NOBODY, get_collection_revision(again(three))))
    assert [collection.full_name for collection in collections_with(NOBODY, record=items[4].record)] == ["lab/tongues"]
    assert [collection.full_name for collection in collections_with(NOBODY, adapter=items[0].adapter)] == [
        "lab/tongues"
    ]


def test_an_item_that_is_not_there_is_refused(owner, three):
    for name in ("lab/absent", "lab/a@9.9.9", "records/adapterhub/absent", "records/x"):
        with pytest.raises(NotFound):
            add_items(owner, three, [name])
    with pytest.raises(InvalidInput):
        add_items(owner, three, ["no-slash"])
    remove_items(owner, three, ["lab/b"])
    with pytest.raises(NotFound) as refused:
        change_item(owner, three, "lab/b", position=1)
    assert refused.value.code == "no_such_item"
    with pytest.raises(InvalidInput) as repeated:
        set_items(owner, three, [("lab/a", ""), ("lab/A", "")])
    assert repeated.value.code == "item_repeated"


def test_a_change_over_another_one_is_refused(owner, three):
    set_items(owner, three, [("lab/a", "")], expected=2)
    with pytest.raises(Conflict) as refused:
        set_items(owner, three, [("lab/b", "")], expected=2)
    assert refused.value.code == "collection_changed"
    assert shown(NOBODY, again(three)) == ["lab/a"]


def test_a_collection_shows_nobody_what_he_may_not_see(owner, three):
    publish(owner, 9, "lab/secret", visibility="private")
    set_items(owner, three, [("lab/a", ""), ("lab/secret", "not yet"), ("lab/b", "")])
    stranger = make_user("stranger")
    for viewer in (NOBODY, stranger):
        assert shown(viewer, again(three)) == ["lab/a", "lab/b"]
        found = diff_collection(viewer, three, 2, 3)
        assert [str(item) for item in found.removed] == ["lab/c"]
        assert (found.added, found.moved) == ([], [])
    assert shown(owner, three) == ["lab/a", "lab/secret", "lab/b"]
    assert [str(item) for item in diff_collection(owner, three, 2, 3).added] == ["lab/secret"]


def test_who_changes_the_list_does_not_touch_what_he_does_not_see(owner, three):
    other = make_user("other")
    make_namespace(other, "theirs", is_review_required=False)
    publish(other, 9, "theirs/secret", visibility="private")
    admin = make_user("admin", is_admin=True)
    set_items(admin, three, [("lab/a", ""), ("theirs/secret", "kept"), ("lab/b", "")])
    assert shown(owner, again(three)) == ["lab/a", "lab/b"]
    set_items(owner, three, [("lab/b", ""), ("lab/a", "")])
    remove_items(owner, three, ["lab/b"])
    assert shown(owner, again(three)) == ["lab/a"]
    assert shown(admin, three) == ["lab/a", "theirs/secret"]
    assert CollectionItem.objects.get(revision__number=three.number, adapter__name="secret").note == "kept"


def test_a_private_collection_is_for_members_alone(owner, three):
    update_collection(owner, three, visibility="private")
    with pytest.raises(NotFound) as refused:
        get_collection(NOBODY, "lab/tongues")
    assert refused.value.code == "collection_not_found"
    assert list(find_collections(NOBODY)) == []
    assert get_collection(owner, "LAB/Tongues") == three


def test_only_writers_change_and_only_owners_delete(owner, three):
    stranger = make_user("stranger")
    for call in (
        lambda: add_items(stranger, three, ["lab/a"]),
        lambda: update_collection(stranger, three, summary="x"),
        lambda: delete_collection(stranger, three),
        lambda: create_collection(stranger, full_name="lab/theirs"),
    ):
        with pytest.raises(NotPermitted):
            call()
    delete_collection(owner, three)
    with pytest.raises(NotFound):
        get_collection(owner, "lab/tongues")
    with pytest.raises(Conflict) as taken:
        create_collection(owner, full_name="lab/TONGUES")
    assert taken.value.code == "name_taken"


@pytest.mark.parametrize("name", ["new", "diff", "a b", "", "x" * 97])
def test_a_name_that_is_an_address_is_no_name(owner, name):
    with pytest.raises(InvalidInput):
        create_collection(owner, full_name=f"lab/{name}")


def test_a_diff_names_the_fewest_moves(owner, three):
    publish(owner, 8, "lab/d")
    set_items(owner, three, [("lab/d", "new"), ("lab/c", ""), ("lab/a", ""), ("lab/b@0.1.0", "pinned")])
    found = diff_collection(NOBODY, three, 2, 3)
    assert [str(item) for item in found.added] == ["lab/d"]
    assert [(str(change.before), str(change.after)) for change in found.other_version] == [("lab/b", "lab/b@0.1.0")]
    assert [(str(change.after), change.before.position, change.after.position) for change in found.moved] in (
        [("lab/c", 3, 2)],
        [("lab/a", 1, 3)],
    )
    assert [change.after.note for change in found.noted] == ["pinned"]
    assert diff_collection(NOBODY, three, 3, 3).is_empty
    with pytest.raises(NotFound) as refused:
        diff_collection(NOBODY, three, 1, 99)
    assert refused.value.code == "no_such_revision"


def test_a_collection_has_a_bound(owner, three, monkeypatch):
    monkeypatch.setattr("catalog.collections.changing.MAX_ITEMS", 2)
    with pytest.raises(TooLarge):
        add_items(owner, three, ["lab/a@0.1.0"])
