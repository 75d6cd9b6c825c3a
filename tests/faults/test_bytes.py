"""Bytes that nobody wants and bytes that changed: found, put aside, never handed out."""

import json
import threading
from pathlib import Path

import pytest

from cluster.process import ServerFailedError
from tests.faults.load import timed
from tests.faults.people import WEIGHTS, People, announce, digest, finish, send
from tests.faults.test_store import blob_key, run_client
from tests.faults.topology import PREFIX, Topology, wait_until
from tests.faults.witness import assert_nothing_half_done, wait_until_ended
from tests.servers.proxy import Fault
from tests.servers.swift import BUCKET

AT_ONCE = {"HUB_GC_GRACE_SECONDS": "1", "HUB_GC_WAIT_SECONDS": "1"}


def collect(hub: Topology) -> None:
    """Garbage collection as `manage.py` runs it, with a grace of one second."""
    hub.settings |= AT_ONCE
    try:
        hub.manage("collect_garbage")
    finally:
        hub.settings = {name: value for name, value in hub.settings.items() if name not in AT_ONCE}


@pytest.mark.faults_full
@pytest.mark.fault("orphan blob after a failed publish")
def test_bytes_that_a_failed_publish_left_are_collected_and_everything_published_keeps_its_own(
    hub: Topology, people: People
) -> None:
    kept = people.push(people.fresh_name("kept"))
    wait_until_ended(hub, [kept], seconds=60)
    files = people.files() | {"ZULU.md": b"the last file"}
    upload = announce(people.author, people.fresh_name("orphan"), files, version="1.0.0").json()
    send(people.author, upload, files)
    # The web process dies between two files: the weights are in the store, and no revision says so.
    hub.store_proxy.faults[:] = [Fault("PUT", digest(files["ZULU.md"]), delay_seconds=5)]
    dying = people.api(people.author, hub.webs[1].url)
    finishing = threading.Thread(target=lambda: timed(lambda: finish(dying, upload, files)))
    finishing.start()
    wait_until(lambda: digest(files[WEIGHTS]) in hub.blobs(), seconds=30, what="the weights were never written")
    hub.webs[1].kill()
    finishing.join(60)
    hub.swift.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/blobs/00/00/{'0' * 64}", Body=b"nobody's")
    # A day passes, and nobody comes back.
    hub.rows(
        "UPDATE uploads_upload SET expires_at = now() - interval '1 second', "
        "finishing_since = now() - interval '1 hour' WHERE id = %s",
        upload["id"],
    )
    orphans = {digest(files[WEIGHTS]), "0" * 64}
    assert orphans <= hub.blobs()

    def is_collected() -> bool:
        collect(hub)
        return not orphans & hub.blobs()

    wait_until(is_collected, seconds=90, what=lambda: f"still there: {orphans & hub.blobs()}")
    assert_nothing_half_done(hub)
    answer = people.author("GET", f"/adapters/{kept.name}/files/1.0.0/{WEIGHTS}")
    assert (answer.status_code, answer.content) == (200, kept.files[WEIGHTS])


@pytest.mark.fault("bit rot")
def test_one_changed_byte_is_found_by_the_scrub_and_refused_by_the_client(
    hub: Topology, people: People, tmp_path: Path
) -> None:
    push = people.push(people.fresh_name("rotten"))
    wait_until_ended(hub, [push], seconds=60)
    right = push.files[WEIGHTS]
    key = blob_key(hub, digest(right))
    wrong = right[:-1] + bytes([right[-1] ^ 1])
    hub.swift.client.put_object(Bucket=BUCKET, Key=key, Body=wrong)
    try:
        pulled = run_client(hub, people, tmp_path, "pull", f"{push.name}@1.0.0", "--dest", str(tmp_path / "target"))
        assert pulled.returncode != 0
        assert "not those that the hub promised" in pulled.stdout + pulled.stderr
        assert not (tmp_path / "target").exists()
        with pytest.raises(ServerFailedError) as found:
            hub.manage("scrub", "--all", "--json")
        told = next(line for line in str(found.value).splitlines() if line.startswith("{"))
        assert json.loads(told)["quarantine"] == [digest(right)]
        refused = people.author("GET", f"/adapters/{push.name}/files/1.0.0/{WEIGHTS}")
        assert refused.status_code in (410, 503), "what is in quarantine is handed to nobody"
    finally:
        # The same bytes are welcome again, and repair it.
        people.push(people.fresh_name("repair"), push.files)
    healed = people.author("GET", f"/adapters/{push.name}/files/1.0.0/{WEIGHTS}")
    assert (healed.status_code, healed.content) == (200, right)
