"""Decisions on pushed revisions: one through the dashboard's form as a browser sends it, the others by API."""

from typing import Any

import httpx

from demo.people import Account
from hubclient import Hub
from hubclient.errors import HubError


class DashboardError(RuntimeError):
    """The dashboard did not do what its form says."""


def approve_in_dashboard(url: str, reviewer: Account, revision: dict[str, Any], reason: str) -> None:
    """Log in with the web form and approve a pending revision with the dashboard's form. Raises DashboardError."""
    page = f"/review/{revision['adapter']}/{revision['commit_id']}/"
    with httpx.Client(base_url=url, follow_redirects=True, timeout=30.0) as browser:
        login = {"username": reviewer.username, "password": reviewer.password, "next": page}
        _send_form(browser, "/login/", login)
        if "sessionid" not in browser.cookies:
            raise DashboardError(f"{reviewer.username} could not log in at {url}/login/.")
        _send_form(browser, page, {"decision": "approve", "reason": reason})


def _send_form(browser: httpx.Client, path: str, fields: dict[str, str]) -> None:
    """Get the page for its CSRF cookie, then post the form."""
    browser.get(path).raise_for_status()
    token = browser.cookies.get("csrftoken")
    if token is None:
        raise DashboardError(f"{path} holds no form: it set no CSRF cookie.")
    answer = browser.post(
        path, data={**fields, "csrfmiddlewaretoken": token}, headers={"Referer": f"{browser.base_url}{path}"}
    )
    if answer.is_error:
        raise DashboardError(f"POST {path} answered {answer.status_code}.")


def approve(api: Hub, revision: dict[str, Any], reason: str) -> None:
    """Approve by API; one that somebody decided meanwhile stays as it is."""
    _decide(api, revision, "approve", reason)


def reject(api: Hub, revision: dict[str, Any], reason: str) -> None:
    """Reject by API with a reason; one that somebody decided meanwhile stays as it is."""
    _decide(api, revision, "reject", reason)


def _decide(api: Hub, revision: dict[str, Any], decision: str, reason: str) -> None:
    name = f"{revision['adapter']}@{revision['commit_id']}"
    try:
        (api.approve if decision == "approve" else api.reject)(name, reason)
    except HubError as error:
        if error.code != "already_decided":
            raise
