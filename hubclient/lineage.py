"""The part of the client that knows where adapters come from, who may see them, and how they are taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .caller import Caller
from .errors import JobFailedError
from .jobs import JobProgress
from .names import AdapterName


class Lineage(Caller):
    """Lineage, access, withdrawal and removal."""

    def lineage(self, name: str) -> dict[str, Any]:
        """What `ns/name[@version]` was made of, and what was made of it."""
        parsed = AdapterName.parse(name)
        answer: dict[str, Any] = self.call("GET", f"{parsed.url_path}/lineage", params={"version": parsed.ref})
        return answer

    def withdraw(self, name: str, reason: str, *, derived: str = "withdraw") -> dict[str, Any]:
        """Withdraw a version, or else all of an adapter, for ever (owners); `derived` is `withdraw` or `flag`."""
        parsed = AdapterName.parse(name)
        of = f"{parsed.url_path}/versions/{parsed.ref}" if parsed.ref else parsed.url_path
        answer: dict[str, Any] = self.call("POST", f"{of}/withdraw", json={"reason": reason, "derived": derived})
        return answer

    def remove(self, name: str, reason: str) -> dict[str, Any]:
        """Withdraw a version or an adapter and have its bytes deleted, with all that contains them (owners).

        The answer waits for its job; `await_removal` gives the receipt.
        """
        AdapterName.parse(name)
        answer: dict[str, Any] = self.call("POST", "/removals", json={"adapter": name, "reason": reason})
        return answer

    def removals(self, **page: Any) -> dict[str, Any]:
        """A page of removals of one's own namespaces, the newest first."""
        answer: dict[str, Any] = self.call("GET", "/removals", params=page)
        return answer

    def removal(self, removal_id: str) -> dict[str, Any]:
        """One removal, with its receipt once it is done."""
        answer: dict[str, Any] = self.call("GET", f"/removals/{removal_id}")
        return answer

    def await_removal(
        self,
        asked: Mapping[str, Any],
        *,
        timeout_seconds: float | None = None,
        on_progress: JobProgress | None = None,
    ) -> dict[str, Any]:
        """The removal once its job has ended. Raises JobFailedError where bytes may still be there."""
        if asked.get("job"):
            self.wait(str(asked["job"]), timeout_seconds=timeout_seconds, on_progress=on_progress, is_raising=False)
        ended = self.removal(str(asked["id"]))
        if ended["state"] != "done":
            error = ended.get("error") or {}
            raise JobFailedError(
                str(error.get("detail") or f"The removal {ended['id']} is {ended['state']}."),
                code=str(error.get("code") or "removal_failed"),
                hint="What was withdrawn stays withdrawn; an administrator lets the job run again.",
            )
        return ended

    def grants(self, name: str, **page: Any) -> dict[str, Any]:
        """A page of who else may see an adapter, for members of its namespace."""
        answer: dict[str, Any] = self.call("GET", f"{AdapterName.parse(name).url_path}/access", params=page)
        return answer

    def grant(
        self, name: str, *, user: str = "", namespace: str = "", expires_at: str | None = None, note: str = ""
    ) -> dict[str, Any]:
        """Let a user, or the members of a namespace, see what an adapter has published, until an ISO time (owners)."""
        body = {"user": user, "namespace": namespace, "expires_at": expires_at, "note": note}
        answer: dict[str, Any] = self.call("POST", f"{AdapterName.parse(name).url_path}/access", json=body)
        return answer

    def revoke(self, name: str, grant_id: int) -> None:
        """Take a grant back (owners)."""
        self.call("DELETE", f"{AdapterName.parse(name).url_path}/access/{grant_id}")
