"""S3 fails, lies, loses answers and cuts bodies: bytes are right or refused, and an interrupted push goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cluster.process import REPOSITORY
from tests.faults.load import timed
from tests.faults.people import BASE, WEIGHTS, People, announce, digest, finish, parts_of, send, send_part
from tests.faults.topology import PREFIX, Topology
from tests.faults.witness import assert_done_once, wait_until_ended
from tests.servers.proxy import Fault

PATIENCE_SECONDS = 60
MOST_TRIES = 12
ERROR_200 = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code>'
    b"<Message>We encountered an internal error. Please try again.</Message></Error>"
)


@pytest.mark.fault("S3 fails in bursts")
@pytest.mark.parametrize("status", [503, pytest.param(500, marks=pytest.mark.faults_full)])
def test_a_burst_of_failures_is_retried_and_nobody_notices(hub: Topology, people: People, status: int) -> None:
    hub.store_proxy.faults += [Fault(method, times=2, status=status) for method in ("PUT", "GET", "HEAD", "POST")]
    push = people.push(people.fresh_name("burst"))
    wait_until_ended(hub, [push], seconds=PATIENCE_SECONDS)
    assert_done_once(hub, [push])
    hub.store_proxy.faults.append(Fault("GET", "/blobs/", times=2, status=status))
    answer = people.author("GET", f"/adapters/{push.name}/files/1.0.0/{WEIGHTS}")
    assert (answer.status_code, answer.content) == (200, push.files[WEIGHTS])


@pytest.mark.faults_full
@pytest.mark.fault("S3 fails in bursts")
def test_a_store_that_answers_slowly_delays_a_push_and_breaks_nothing(hub: Topology, people: People) -> None:
    hub.store_proxy.faults += [Fault(method, delay_seconds=1.0) for method in ("PUT", "GET", "HEAD", "POST")]
    push = people.push(people.fresh_name("slow-store"))
    wait_until_ended(hub, [push], seconds=PATIENCE_SECONDS)
    assert_done_once(hub, [push], most_attempts=1)


@pytest.mark.fault("S3 fails in bursts")
def test_a_longer_outage_is_a_503_after_bounded_tries_and_the_same_upload_goes_on_later(
    hub: Topology, people: People
) -> None:
    published = people.push(people.fresh_name("readable"))
    wait_until_ended(hub, [published], seconds=PATIENCE_SECONDS)
    files, name = people.files(), people.fresh_name("outage")
    upload = announce(people.author, name, files, version="1.0.0").json()
    part, content = next(iter(parts_of(upload, files)))
    before = len(hub.store_proxy.seen)
    hub.store_proxy.faults += [Fault(method, status=503) for method in ("PUT", "GET", "HEAD", "POST", "DELETE")]
    refused = [timed(lambda: send_part(people.author, part, content))]
    refused.append(timed(lambda: people.author("GET", f"/adapters/{published.name}/files/1.0.0/{WEIGHTS}")))
    tries = len(hub.store_proxy.seen) - before
    hub.store_proxy.faults.clear()
    assert [answer.status for answer in refused] == [503, 503]
    assert all(answer.retry_after for answer in refused)
    assert max(answer.seconds for answer in refused) < PATIENCE_SECONDS
    assert tries <= len(refused) * MOST_TRIES
    send(people.author, upload, files)
    done = finish(people.author, upload, files)
    assert done.status_code == 202, done.text


@pytest.mark.fault("S3 fails in bursts", "S3 cuts a download")
def test_a_download_through_the_hub_is_whole_or_seen_to_be_broken(hub: Topology, people: People) -> None:
    push = people.push(people.fresh_name("cut-inside"))
    wait_until_ended(hub, [push], seconds=PATIENCE_SECONDS)
    path = f"/adapters/{push.name}/files/1.0.0/{WEIGHTS}"
    for times in (1, 1_000_000):
        hub.store_proxy.faults[:] = [Fault("GET", "/blobs/", times=times, cut_after=1000)]
        try:
            answer = people.author("GET", path)
        except httpx.TransportError:
            continue
        assert answer.status_code in (200, 503)
        assert answer.status_code == 503 or answer.content == push.files[WEIGHTS]


@pytest.fixture
def large(people: People) -> dict[str, bytes]:
    """An adapter with notes of 6 MB: its bytes go from the client to the store and back without the hub."""
    notes = b"".join(b"%08x " % (number * 2_654_435_761 % 2**32) for number in range(700_000))
    return {**people.files(), "NOTES.md": notes + os.urandom(8).hex().encode()}


def run_client(hub: Topology, people: People, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hubclient` as a new process with nothing but the hub's URL and a token."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "AWS_", "DJANGO_"))
    } | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "HUB_URL": hub.webs[0].url}
    return subprocess.run(
        [sys.executable, "-m", "hubclient", *arguments, "--json"], cwd=REPOSITORY, capture_output=True, text=True,
        env=environment | {"HUB_TOKEN": people.author.token}, timeout=180,
    )  # fmt: skip


@pytest.mark.fault("S3 cuts a download")
def test_a_client_goes_on_where_the_store_cut_it_off_and_the_digest_is_right(
    hub: Topology, people: People, large: dict[str, bytes], tmp_path: Path
) -> None:
    source, name = tmp_path / "source", people.fresh_name("cut")
    source.mkdir()
    for path, content in large.items():
        (source / path).write_bytes(content)
    options = ("--base", BASE, "--version", "1.0.0", "--wait")
    pushed = run_client(hub, people, tmp_path, "push", str(source), name, *options)
    assert pushed.returncode == 0, pushed.stderr
    notes = digest(large["NOTES.md"])
    hub.store_proxy.faults[:] = [Fault("GET", notes, times=3, cut_after=1_500_000)]
    target = tmp_path / "target"
    pulled = run_client(hub, people, tmp_path, "pull", f"{name}@1.0.0", "--dest", str(target))
    assert pulled.returncode == 0, pulled.stderr
    assert {path.name: path.read_bytes() for path in target.iterdir()} == large
    asked = [place for method, place in hub.store_proxy.seen if method == "GET" and notes in place]
    assert len(asked) >= 4
    assert json.loads(pulled.stdout)["transferred_bytes"] == sum(len(content) for content in large.values())


@pytest.mark.faults_full
@pytest.mark.fault("S3 cuts a download")
def test_a_download_that_never_ends_well_leaves_nothing_under_the_final_name(
    hub: Topology, people: People, tmp_path: Path
) -> None:
    push = people.push(people.fresh_name("never-whole"))
    wait_until_ended(hub, [push], seconds=PATIENCE_SECONDS)
    hub.store_proxy.faults[:] = [Fault("GET", digest(push.files[WEIGHTS]), cut_after=0)]
    pulled = run_client(hub, people, tmp_path, "pull", f"{push.name}@1.0.0", "--dest", str(tmp_path / "target"))
    assert pulled.returncode != 0
    assert not (tmp_path / "target").exists()
    whole = [path for path in tmp_path.rglob(digest(push.files[WEIGHTS])) if path.is_file()]
    assert whole == []


@pytest.mark.fault("S3 write landed, answer lost")
def test_a_write_whose_answer_was_lost_is_written_again_and_counts_once(hub: Topology, people: People) -> None:
    hub.store_proxy.faults += [
        Fault("PUT", "/staging/", times=1, loses_answer=True),
        Fault("PUT", "/blobs/", times=1, loses_answer=True),
        Fault("POST", "/blobs/", times=1, loses_answer=True),
    ]
    push = people.push(people.fresh_name("landed"))
    wait_until_ended(hub, [push], seconds=PATIENCE_SECONDS)
    assert_done_once(hub, [push])
    for content in push.files.values():
        stored = hub.swift.client.get_object(Bucket="adapters", Key=blob_key(hub, digest(content)))["Body"].read()
        assert stored == content


def blob_key(hub: Topology, sha256: str) -> str:
    """The key of a blob in the bucket."""
    (key,) = [key for key in hub.swift.keys(f"{PREFIX}/blobs/") if key.endswith(sha256)]
    return key


@pytest.mark.fault("CompleteMultipartUpload answers 200 with an error")
def test_an_error_inside_a_200_is_a_failure_and_the_upload_goes_on_later(
    hub: Topology, people: People, large: dict[str, bytes]
) -> None:
    name, before = people.fresh_name("error-200"), hub.blobs()
    upload = announce(people.author, name, large, version="1.0.0").json()
    for part, content in parts_of(upload, large):
        assert send_part(people.author, part, content).is_success
    hub.store_proxy.faults[:] = [Fault("POST", "uploadId=", status=200, body=ERROR_200)]
    refused = finish(people.author, upload, large)
    assert (refused.status_code, refused.headers.get("Retry-After") is not None) == (503, True), refused.text
    assert people.author("GET", f"/adapters/{name}").status_code == 404
    assert digest(large["NOTES.md"]) not in hub.blobs() - before
    hub.store_proxy.faults.clear()
    again = finish(people.author, upload, large)
    assert again.status_code == 202, again.text
