"""The part of the client that knows collections (lists that people keep) and records (adapters that lie elsewhere)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .caller import Caller
from .names import AdapterName
from .pull import PullResult, pull_adapter
from .sending import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PulledCollection:
    """A collection on disk: what was pulled, and the records, whose files this hub does not have."""

    name: str
    revision: int
    pulled: tuple[PullResult, ...]
    elsewhere: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `hubclient collection pull`."""
        return {
            "collection": self.name,
            "revision": self.revision,
            "pulled": [
                {"adapter": one.plan.adapter, "version": one.plan.version, "folder": str(one.folder)}
                for one in self.pulled
            ],
            "elsewhere": list(self.elsewhere),
        }


class Collections(Caller):
    """Collections: make them, change them, compare their revisions, pull what they hold; and records."""

    def create_collection(
        self, name: str, *, summary: str = "", description: str = "", visibility: str = "public"
    ) -> dict[str, Any]:
        """Make the collection `ns/name`, with nothing in it."""
        parsed = AdapterName.parse(name)
        body = {
            "namespace": parsed.namespace,
            "name": parsed.name,
            "summary": summary,
            "description": description,
            "visibility": visibility,
        }
        made: dict[str, Any] = self.call("POST", "/collections", json=body)
        return made

    def collections(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """A page of collections (namespace, cursor, limit)."""
        page: dict[str, Any] = self.call("GET", "/collections", params={"q": query, **filters})
        return page

    def collection(self, name: str) -> dict[str, Any]:
        """What `ns/name` holds now, or held at `ns/name@3`: as far as you may see it."""
        parsed = AdapterName.parse(name)
        place = f"/revisions/{parsed.ref}" if parsed.ref else "/items"
        found: dict[str, Any] = self.call("GET", f"{_path(name)}{place}")
        return found

    def add_to_collection(
        self, name: str, items: Sequence[str], *, note: str = "", message: str = ""
    ) -> dict[str, Any]:
        """Put adapters (`ns/name[@version]`) and records (`records/source/path`) at the end."""
        return self._change(name, {"add": list(items), "note": note, "message": message})

    def remove_from_collection(self, name: str, items: Sequence[str], *, message: str = "") -> dict[str, Any]:
        """Take items out."""
        return self._change(name, {"remove": list(items), "message": message})

    def change_in_collection(
        self, name: str, item: str, *, position: int | None = None, note: str | None = None, message: str = ""
    ) -> dict[str, Any]:
        """Move an item to a place (1 is the first), or change its note."""
        said = {"position": position, "note": note}
        given = {key: value for key, value in said.items() if value is not None}
        return self._change(name, {"item": item, "message": message, **given})

    def collection_revisions(self, name: str, **filters: Any) -> dict[str, Any]:
        """A page of its changes, the newest first."""
        page: dict[str, Any] = self.call("GET", f"{_path(name)}/revisions", params=filters)
        return page

    def collection_diff(self, name: str, start: int | None = None, end: int | None = None) -> dict[str, Any]:
        """What changed between two revisions; without numbers, by the newest change."""
        asked = {key: value for key, value in {"from": start, "to": end}.items() if value is not None}
        found: dict[str, Any] = self.call("GET", f"{_path(name)}/diff", params=asked)
        return found

    def update_collection(self, name: str, **words: Any) -> dict[str, Any]:
        """Change `summary`, `description` or `visibility`."""
        changed: dict[str, Any] = self.call("PATCH", _path(name), json=words)
        return changed

    def delete_collection(self, name: str) -> None:
        """Delete it, as an owner; what it holds stays."""
        self.call("DELETE", _path(name))

    def pull_collection(
        self, name: str, destination: str | Path, *, is_forced: bool = False, on_progress: Progress | None = None
    ) -> PulledCollection:
        """Every adapter of it that you may see, each in `destination/ns/name`; of records there is nothing to pull."""
        content = self.collection(name)
        pulled, elsewhere = [], []
        for item in content["items"]:
            if item["kind"] == "record":
                elsewhere.append(item["full_name"])
                continue
            place = Path(destination) / _folder_of(item)
            options: dict[str, Any] = {"cache_folder": self.cache, "is_forced": is_forced, "on_progress": on_progress}
            pulled.append(pull_adapter(self.connection, item["name"], destination=place, **options))
        return PulledCollection(content["collection"], content["number"], tuple(pulled), tuple(elsewhere))

    def record(self, name: str) -> dict[str, Any]:
        """What another catalogue says of an adapter: `source/path`, with or without `records/` before it."""
        found: dict[str, Any] = self.call("GET", f"/records/{quote(name.removeprefix('records/'))}")
        return found

    def _change(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = self.call("PATCH", f"{_path(name)}/items", json=dict(body))
        return changed


def _folder_of(item: Mapping[str, Any]) -> str:
    """`ns/name`, or `ns/name@1.2.0` for a version that the collection names."""
    parsed = AdapterName.parse(item["name"])
    return f"{parsed.full_name}@{parsed.ref}" if parsed.ref else parsed.full_name


def _path(name: str) -> str:
    return f"/collections/{AdapterName.parse(name).full_name}"
