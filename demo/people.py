"""The people of the demonstration: an administrator, one who pushes and one who reviews, each with a token."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from demo.hub_process import AnyHub
from demo.tasks import ORGANIZATION
from hubclient import Hub
from hubclient.errors import HubError

ADMINISTRATOR, PUSHER, REVIEWER = "admin", "pusher", "reviewer"
_ROLES = {PUSHER: "writer", REVIEWER: "reviewer"}
_SCOPES = {PUSHER: ["read", "write"], REVIEWER: ["read", "review"]}


@dataclass(frozen=True)
class Account:
    """A user as the demonstration knows it; the token is empty until it has been issued."""

    username: str
    password: str
    token: str


class People:
    """Accounts kept in a file that only its owner can read, so that a second run finds them again."""

    def __init__(self, file: Path) -> None:
        self.file = file
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.accounts = {name: Account(**fields) for name, fields in known.items()}

    def __getitem__(self, username: str) -> Account:
        return self.accounts[username]

    def introduce(self, hub: AnyHub) -> None:
        """Make whoever is missing: users, the organisation, its members and their tokens."""
        if ADMINISTRATOR not in self.accounts:
            self._keep(Account(**hub.bootstrap(ADMINISTRATOR)))
        with Hub(hub.url, self[ADMINISTRATOR].token) as api:
            _unless_taken(api, "POST", "/namespaces", {"name": ORGANIZATION, "display_name": "Django texts"})
            for username, role in _ROLES.items():
                self._make_user(api, username)
                api.call("PUT", f"/namespaces/{ORGANIZATION}/members/{username}", json={"role": role})
        for username, scopes in _SCOPES.items():
            if not self[username].token:
                self._issue_token(hub.url, username, scopes)

    def keep(self, username: str, password: str, token: str) -> None:
        """Write down an account that exists already."""
        self._keep(Account(username, password, token))

    def _make_user(self, api: Hub, username: str) -> None:
        if username not in self.accounts:
            # Kept before the hub knows it: a run that is stopped here can still log in afterwards.
            self._keep(Account(username, secrets.token_urlsafe(16), token=""))
        account = self[username]
        body = {"username": username, "email": f"{username}@example.org", "password": account.password}
        _unless_taken(api, "POST", "/users", body)

    def _issue_token(self, url: str, username: str, scopes: list[str]) -> None:
        account = self[username]
        body = {"name": "demo", "scopes": scopes, "expires_in_days": 90}
        answer = httpx.post(f"{url}/api/v1/tokens", json=body, auth=(username, account.password), timeout=30.0)
        answer.raise_for_status()
        self._keep(Account(username, account.password, answer.json()["token"]))

    def _keep(self, account: Account) -> None:
        self.accounts[account.username] = account
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps({name: asdict(each) for name, each in self.accounts.items()}), encoding="utf-8")


def _unless_taken(api: Hub, method: str, path: str, body: dict[str, str]) -> None:
    """Make a thing, or find that an earlier run made it."""
    try:
        api.call(method, path, json=body)
    except HubError as error:
        if error.code != "name_taken":
            raise
