"""Clients and web processes die in the middle of an upload: nothing is visible of it, and it goes on or goes away."""

import os
import signal
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.faults.people import People, Pushed, announce, finish, parts_of, send, send_part
from tests.faults.processes import hands_of
from tests.faults.topology import PREFIX, Topology, wait_until
from tests.faults.witness import assert_done_once, wait_until_ended
from tests.functional.hub_process import Api


def half_a_part(api: Api, part: dict[str, Any], content: bytes) -> socket.socket:
    """A connection on which half of the part has been sent."""
    url = urlsplit(str(api.client.base_url.join(part["url"])))
    connection = socket.create_connection((url.hostname or "", url.port or 80), timeout=30)
    head = (
        f"PUT {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {api.token}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content[: len(content) // 2])
    return connection


def arrived(api: Api, upload: dict[str, Any]) -> list[bool]:
    """For each part, whether the hub has it."""
    told = api("GET", f"/uploads/{upload['id']}", expect=200)
    return [part["is_received"] for file in told["files"] for part in file["parts"]]


@pytest.mark.fault("client gone in the middle of an upload")
def test_of_a_client_that_left_half_way_nothing_is_visible_and_its_bytes_go_with_the_upload(
    hub: Topology, people: People
) -> None:
    files = people.files() | {"NOTES.md": b"a line of notes, again and again\n" * 200_000}
    name, blobs = people.fresh_name("left"), hub.blobs()
    upload = announce(people.author, name, files, version="1.0.0").json()
    parts = list(parts_of(upload, files))
    direct = [pair for pair in parts if "X-Amz-Signature" in pair[0]["url"]]
    through = [pair for pair in parts if pair not in direct]
    assert len(direct) >= 2, "the notes go straight to the store"
    for part, content in (direct[0], through[0]):
        assert send_part(people.author, part, content).is_success
    half_a_part(people.author, *max(through[1:], key=lambda pair: len(pair[1]))).close()
    assert sum(arrived(people.author, upload)) == 2
    assert people.author("GET", f"/adapters/{name}").status_code == 404
    assert finish(people.author, upload, files).json()["code"] == "upload_incomplete"
    assert hub.swift.unfinished(f"{PREFIX}/staging/")
    # A day passes.
    hub.rows("UPDATE uploads_upload SET expires_at = now() - interval '1 second' WHERE id = %s", upload["id"])
    wait_until(
        lambda: not hub.staged(upload["id"]), seconds=30, what=lambda: f"left behind: {hub.staged(upload['id'])}"
    )
    assert finish(people.author, upload, files).json()["code"] == "upload_closed"
    assert hub.blobs() == blobs
    assert people.author("GET", f"/adapters/{name}").status_code == 404


@pytest.mark.fault("web process killed in an upload")
@pytest.mark.parametrize("victim", ["hand", pytest.param("master", marks=pytest.mark.faults_full)])
def test_an_upload_whose_web_process_was_killed_goes_on_at_the_other(
    hub: Topology, people: People, victim: str
) -> None:
    web = hub.webs[1]
    dying = people.api(people.author, web.url)
    files, name = people.files(), people.fresh_name("killed-web")
    upload = announce(dying, name, files, version="1.0.0").json()
    parts = list(parts_of(upload, files))
    assert send_part(dying, *parts[0]).is_success
    connection = half_a_part(dying, *max(parts[1:], key=lambda pair: len(pair[1])))
    before = hands_of(web)
    if victim == "master":
        web.kill()
    else:
        kill_all(before)
    connection.close()
    assert people.author("GET", f"/adapters/{name}").status_code == 404
    assert sum(arrived(people.author, upload)) == 1
    rest = people.author("GET", f"/uploads/{upload['id']}", expect=200)
    send(people.author, rest, files)
    finished = finish(people.author, rest, files).json()
    push = Pushed(name, "1.0.0", finished["revision"]["commit_id"], finished["job"]["id"], files)
    wait_until_ended(hub, [push], seconds=60)
    assert_done_once(hub, [push])
    assert not hub.staged(upload["id"])
    if victim == "hand":
        wait_until(web.is_ready, seconds=30, what=lambda: web.last_words("gunicorn replaced nobody"))
        assert not hands_of(web) & before


@pytest.mark.fault("web process killed in an upload")
def test_a_finish_whose_web_process_was_killed_is_asked_again_and_commits_once(hub: Topology, people: People) -> None:
    web = hub.webs[1]
    dying = people.api(people.author, web.url)
    files, name = people.files(), people.fresh_name("killed-finish")
    upload = announce(dying, name, files, version="1.0.0").json()
    send(dying, upload, files)
    killing = threading.Timer(0.15, web.kill)
    killing.start()
    with suppress(httpx.TransportError):
        finish(dying, upload, files)
    killing.join()
    # A finish that died holds the upload for a while; ten minutes pass.
    hub.rows(
        "UPDATE uploads_upload SET finishing_since = finishing_since - interval '11 minutes' WHERE id = %s",
        upload["id"],
    )
    finished = finish(people.author, upload, files)
    assert finished.status_code == 202, finished.text
    body = finished.json()
    push = Pushed(name, "1.0.0", body["revision"]["commit_id"], body["job"]["id"], files)
    wait_until_ended(hub, [push], seconds=60)
    assert_done_once(hub, [push])


def kill_all(pids: set[int]) -> None:
    """SIGKILL."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
