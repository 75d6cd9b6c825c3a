"""The part of the client that knows families: adapters on a shared basis, and pulls of them in compressed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .caller import Caller
from .compressed import CompressedResult, Puller, plan_compressed, plan_family
from .compressed_plan import CompressedPlan
from .errors import JobFailedError
from .jobs import JobProgress
from .names import AdapterName
from .pull import PullResult, pull_adapter
from .sending import Progress


@dataclass(frozen=True)
class PulledFamily:
    """A family on disk: members that came compressed, and those that stay as they are."""

    plan: CompressedPlan
    compressed: tuple[CompressedResult, ...]
    whole: tuple[PullResult, ...]

    @property
    def transferred_bytes(self) -> int:
        """Everything that came over the wire, the basis among it."""
        compressed = sum(one.transferred_bytes for one in self.compressed)
        return compressed + sum(one.transferred_bytes for one in self.whole)

    @property
    def original_bytes(self) -> int:
        """What the same adapters are as they were pushed."""
        compressed = sum(one.member.original_bytes for one in self.compressed)
        return compressed + sum(one.plan.size_bytes for one in self.whole)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `hubclient pull-family`."""
        return {
            "family": self.plan.name,
            "method": self.plan.method,
            "basis_bytes": self.plan.basis.size_bytes,
            "transferred_bytes": self.transferred_bytes,
            "original_bytes": self.original_bytes,
            "compressed": [one.as_dict() for one in self.compressed],
            "whole": [one.as_dict() for one in self.whole],
        }


class Families(Caller):
    """Families: make them, compress them, pull from them."""

    def pull_compressed(
        self,
        name: str,
        destination: str | Path | None = None,
        *,
        family: str | None = None,
        is_kept: bool = False,
        is_forced: bool = False,
        on_progress: Progress | None = None,
    ) -> CompressedResult:
        """`ns/name[@version]` by its family's basis, which is fetched once: an ordinary LoRA, or as it is (`is_kept`).

        Raises ConflictError `not_compressed` where no basis gives this adapter; `pull` does.
        """
        plan = plan_compressed(self, name, family=family)
        place = Path(destination) if destination is not None else None
        puller = Puller(self, plan, on_progress)
        return puller.pull(plan.members[0], place, is_kept=is_kept, is_forced=is_forced)

    def pull_family(
        self,
        family: str,
        destination: str | Path,
        *,
        number: int | None = None,
        is_kept: bool = False,
        is_forced: bool = False,
        on_progress: Progress | None = None,
    ) -> PulledFamily:
        """Every member of `ns/family` that you may see, each in `destination/ns/name`."""
        plan = plan_family(self, family, number=number)
        puller, compressed, whole = Puller(self, plan, on_progress), [], []
        for member in plan.members:
            place = Path(destination) / member.adapter
            if member.is_compressed:
                compressed.append(puller.pull(member, place, is_kept=is_kept, is_forced=is_forced))
            else:
                options: dict[str, Any] = {"cache_folder": self.cache, "is_forced": is_forced}
                whole.append(pull_adapter(self.connection, member.reference, destination=place, **options))
        return PulledFamily(plan, tuple(compressed), tuple(whole))

    def create_family(
        self,
        name: str,
        *,
        base_model: str,
        adapters: Sequence[str] = (),
        rule: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        visibility: str = "public",
        summary: str = "",
    ) -> dict[str, Any]:
        """Make the family `ns/name` of adapters chosen by hand, by a rule (method, task, language, tag), or both."""
        parsed = AdapterName.parse(name)
        body = {
            "namespace": parsed.namespace,
            "name": parsed.name,
            "base_model": base_model,
            "visibility": visibility,
            "summary": summary,
            "rule": dict(rule or {}),
            "options": dict(options or {}),
        }
        family: dict[str, Any] = self.call("POST", "/families", json=body)
        if adapters:
            self.add_to_family(name, adapters)
        return family

    def add_to_family(self, name: str, adapters: Sequence[str]) -> list[dict[str, Any]]:
        """Add adapters; those of other namespaces wait for the consent of their owners."""
        path = f"{_path(name)}/members"
        added: list[dict[str, Any]] = self.call("POST", path, json={"adapters": list(adapters)})
        return added

    def remove_from_family(self, name: str, adapter: str) -> None:
        """Take an adapter out of the next basis."""
        self.call("DELETE", f"{_path(name)}/members/{AdapterName.parse(adapter).full_name}")

    def consent(self, name: str, adapter: str, *, is_given: bool = True) -> dict[str, Any]:
        """Give or refuse, as an owner of the adapter's namespace, that it enters the family's shared basis."""
        path = f"{_path(name)}/members/{AdapterName.parse(adapter).full_name}"
        body = {"consent": "given" if is_given else "refused"}
        member: dict[str, Any] = self.call("PUT", path, json=body)
        return member

    def family(self, name: str) -> dict[str, Any]:
        """One family."""
        found: dict[str, Any] = self.call("GET", _path(name))
        return found

    def families(self, query: str = "", **filters: Any) -> dict[str, Any]:
        """A page of families (namespace, base_model, cursor, limit)."""
        page: dict[str, Any] = self.call("GET", "/families", params={"q": query, **filters})
        return page

    def family_members(self, name: str, **filters: Any) -> dict[str, Any]:
        """A page of a family's members, with the consent of each."""
        page: dict[str, Any] = self.call("GET", f"{_path(name)}/members", params=filters)
        return page

    def basis(self, name: str) -> dict[str, Any]:
        """The basis `ns/name@3`, or the current one of `ns/name`. NotFoundError where there is none."""
        parsed = AdapterName.parse(name)
        number = parsed.ref or plan_family(self, name).number
        found: dict[str, Any] = self.call("GET", f"{_path(name)}/bases/{number}")
        return found

    def fits(self, name: str, number: int, **filters: Any) -> dict[str, Any]:
        """A page of what became of each member on a basis: bytes, error, scores before and after."""
        page: dict[str, Any] = self.call("GET", f"{_path(name)}/bases/{number}/fits", params=filters)
        return page

    def compress(
        self,
        name: str,
        *,
        is_waiting: bool = True,
        reason: str = "",
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Make the next basis of `ns/name` and wait for it: the basis. Raises JobFailedError with the reason.

        `options` (method, rank, bytes, error, clusters, dtype, ...) go before the family's own.
        """
        given = {key: value for key, value in options.items() if value is not None}
        basis: dict[str, Any] = self.call("POST", f"{_path(name)}/bases", json={"options": given, "reason": reason})
        if not is_waiting:
            return basis
        if basis.get("job"):
            self.wait(basis["job"], timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
        made: dict[str, Any] = self.call("GET", f"{_path(name)}/bases/{basis['number']}")
        if made["state"] != "ready":
            error = made.get("error") or {}
            raise JobFailedError(
                str(error.get("detail") or f"{made['reference']} is {made['state']}."),
                code=str(error.get("code") or "basis_not_made"),
                hint=error.get("hint"),
            )
        return made


def _path(name: str) -> str:
    return f"/families/{AdapterName.parse(name).full_name}"
