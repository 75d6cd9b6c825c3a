"""Change what is in a collection: each change makes a numbered revision with the whole list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.queries import get_adapter, offered_versions
from catalog.collections.models import Collection, CollectionItem, CollectionRevision
from catalog.collections.queries import items_of
from catalog.errors import Conflict, InvalidInput, NotFound, TooLarge
from catalog.names import split_reference
from catalog.records.queries import get_record

MAX_ITEMS = 500
RECORDS = "records/"
"""Before the name of a record; anything else names an adapter."""


@dataclass(frozen=True)
class Entry:
    """One line of a collection: whose, which version (empty: the default one), and a note."""

    adapter_id: int | None
    record_id: int | None
    version: str = ""
    note: str = ""
    is_seen: bool = True
    """False for what the editor may not see: it stays where it is."""

    @property
    def key(self) -> tuple[int | None, int | None, str]:
        """What makes it one thing: no collection holds it twice."""
        return self.adapter_id, self.record_id, self.version


def add_items(
    actor: User,
    collection: Collection,
    names: Sequence[str],
    *,
    note: str = "",
    message: str = "",
    expected: int | None = None,
) -> CollectionRevision:
    """Put adapters (``ns/name[@version]``) and records (``records/source/path[@version]``) at the end.

    What is there already stays where it is. Raises as :func:`set_items`.
    """
    added = [read_entry(actor, name, note=note) for name in names]

    def edit(seen: list[Entry]) -> list[Entry]:
        there = {entry.key for entry in seen}
        return seen + [entry for at, entry in enumerate(added) if entry.key not in there | {e.key for e in added[:at]}]

    return _change(actor, collection, edit, message=message, expected=expected)


def remove_items(
    actor: User, collection: Collection, names: Sequence[str], *, message: str = "", expected: int | None = None
) -> CollectionRevision:
    """Take lines out, named as they are shown. Raises NotFound ``no_such_item``, and as :func:`set_items`."""

    def edit(seen: list[Entry]) -> list[Entry]:
        gone = {_line_of(actor, collection, seen, name).key for name in names}
        return [entry for entry in seen if entry.key not in gone]

    return _change(actor, collection, edit, message=message, expected=expected)


def change_item(
    actor: User,
    collection: Collection,
    name: str,
    *,
    position: int | None = None,
    note: str | None = None,
    message: str = "",
    expected: int | None = None,
) -> CollectionRevision:
    """Move one line to a place (1 is the first) or change its note. Raises as :func:`remove_items`."""

    def edit(seen: list[Entry]) -> list[Entry]:
        line = _line_of(actor, collection, seen, name)
        others = [entry for entry in seen if entry.key != line.key]
        place = seen.index(line) if position is None else min(max(position - 1, 0), len(others))
        kept = line if note is None else Entry(line.adapter_id, line.record_id, line.version, _note(note))
        return [*others[:place], kept, *others[place:]]

    return _change(actor, collection, edit, message=message, expected=expected)


def set_items(
    actor: User,
    collection: Collection,
    lines: Sequence[tuple[str, str]],
    *,
    message: str = "",
    expected: int | None = None,
) -> CollectionRevision:
    """The whole list anew: names and notes in their order. The same list again makes no revision.

    Raises:
        NotPermitted: not a writer. NotFound: an adapter, record or version that ``actor`` may not see.
        InvalidInput: ``item_repeated``. TooLarge: over 500 items.
        Conflict: ``collection_changed``, where its newest revision is not the ``expected`` one.
    """
    entries = [read_entry(actor, name, note=note) for name, note in lines]
    keys = [entry.key for entry in entries]
    if repeated := next((line[0] for line, key in zip(lines, keys, strict=True) if keys.count(key) > 1), ""):
        raise InvalidInput("item_repeated", f"{repeated[:200]!r} is there twice", field="items")
    return _change(actor, collection, lambda seen: entries, message=message, expected=expected)


def read_entry(actor: User, name: str, *, note: str = "") -> Entry:
    """The line that a name means. Raises NotFound where ``actor`` sees nothing of that name, or no such version."""
    full_name, version = split_reference(name.strip())
    if full_name.startswith(RECORDS):
        record = get_record(actor, full_name.removeprefix(RECORDS))
        names = [row.name for row in record.versions.all()]
        found = Entry(None, record.pk, version, _note(note))
    else:
        adapter = get_adapter(actor, full_name)
        names = offered_versions(actor, adapter)
        found = Entry(adapter.pk, None, version, _note(note))
    if version and version not in names:
        raise NotFound(detail=f"{full_name} has no version {version[:80]!r} that you may see", field="items")
    return found


def copy_items(actor: User, collection: Collection, *, message: str) -> CollectionRevision:
    """The next revision with the same items, and the words that ``collection`` has now; its number is not saved."""
    newest = collection.revisions.get(number=collection.number)
    return _write(actor, collection, [_of(item) for item in newest.items.all()], message=message)


def lock(collection: Collection) -> Collection:
    """The row as it is now, kept from others until the transaction ends."""
    return Collection.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=collection.pk)


@transaction.atomic
def _change(
    actor: User,
    collection: Collection,
    edit: Callable[[list[Entry]], list[Entry]],
    *,
    message: str,
    expected: int | None,
) -> CollectionRevision:
    require_role(actor, collection.namespace, WRITE_ROLES, "change a collection")
    collection = lock(collection)
    if expected is not None and expected != collection.number:
        raise Conflict(
            "collection_changed",
            f"{collection} is at revision {collection.number} now, not at {expected}",
            hint="Look at what changed, and say it again.",
        )
    newest = collection.revisions.get(number=collection.number)
    seen_ids = set(items_of(actor, newest).values_list("pk", flat=True))
    before = [_of(item, is_seen=item.pk in seen_ids) for item in newest.items.all()]
    wanted = edit([entry for entry in before if entry.is_seen])
    after = _with_unseen(before, wanted)
    if [(entry.key, entry.note) for entry in after] == [(entry.key, entry.note) for entry in before]:
        return newest
    if len(after) > MAX_ITEMS:
        raise TooLarge(detail=f"a collection holds {MAX_ITEMS} items at most", field="items")
    revision = _write(actor, collection, after, message=message)
    collection.save(update_fields=["number", "updated_at"])
    return revision


def _with_unseen(before: list[Entry], wanted: list[Entry]) -> list[Entry]:
    """What the editor does not see stays behind what it stood behind; he must not take it out by not knowing of it."""
    after, keys = list(wanted), {entry.key for entry in wanted}
    for at, entry in enumerate(before):
        if entry.is_seen or entry.key in keys:
            continue
        behind = [row.key for row in before[:at]]
        place = next((i for i in range(len(after), 0, -1) if after[i - 1].key in behind), 0)
        after.insert(place, entry)
    return after


def _write(actor: User, collection: Collection, entries: list[Entry], *, message: str) -> CollectionRevision:
    collection.number += 1
    made = CollectionRevision.objects.create(
        collection=collection,
        number=collection.number,
        author=actor,
        message=" ".join(message.replace("\0", "").split())[:300],
        summary=collection.summary,
        description=collection.description,
    )
    CollectionItem.objects.bulk_create(
        CollectionItem(
            revision=made,
            position=position,
            adapter_id=entry.adapter_id,
            record_id=entry.record_id,
            version=entry.version,
            note=entry.note,
        )
        for position, entry in enumerate(entries, start=1)
    )
    return made


def _of(item: CollectionItem, *, is_seen: bool = True) -> Entry:
    return Entry(item.adapter_id, item.record_id, item.version, item.note, is_seen)


def _line_of(actor: User, collection: Collection, seen: list[Entry], name: str) -> Entry:
    """The line that is shown as ``name``; without a version the only one of that name."""
    wanted = read_entry(actor, name)
    same = [entry for entry in seen if (entry.adapter_id, entry.record_id) == (wanted.adapter_id, wanted.record_id)]
    exact = [entry for entry in same if entry.version == wanted.version]
    if found := exact or (same if len(same) == 1 and not wanted.version else []):
        return found[0]
    raise NotFound(
        "no_such_item", f"{collection} holds no {name[:200]!r}", field="items", hint="Name it as the list shows it."
    )


def _note(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:500]
