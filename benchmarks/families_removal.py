"""One adapter of a family removed for good: how long anything that was made of it can still be pulled."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.families_generated import MODULES, RANK, generate, in_a_child
from hubclient import Hub
from hubclient.errors import HubError

WIDTH, THREADS = 64, 4
BASE, SPACE, FAMILY = "bench/generated", "bench", "bench/generated"


def removal_report(*, count: int) -> list[str]:
    """Push `count` small adapters to a hub of its own, compress them, remove one, and look until nothing is left."""
    from tests.functional.hub_process import HubProcess

    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        in_a_child(generate, folder / "adapters", count, WIDTH)
        hub = HubProcess(folder / "hub").start()
        try:
            token = json.loads(hub.manage("bootstrap", "--json"))["token"]
            found = _measure(Hub(hub.url, token, cache=folder / "cache"), folder, count)
        finally:
            hub.stop()
    return [
        f"### Removal of one of {count}",
        "",
        f"A hub in one process, {count} adapters of {WIDTH} x {WIDTH} x {MODULES} modules, rank {RANK}, one family. "
        "From the request until the adapter, its coefficients and the basis are answered with an error: "
        f"**{found['gone']:.2f} s**; until the receipt: {found['receipt']:.1f} s, with the bytes deleted "
        f"({found['deleted']} artefacts); until the family has a basis without it: {found['again']:.1f} s "
        f"(the first basis took {found['compress']:.1f} s).",
    ]


def _measure(hub: Hub, folder: Path, count: int) -> dict[str, float]:
    hub.call("POST", "/namespaces", json={"name": SPACE, "is_review_required": False})
    shapes = {f"layers.{module}.q_proj.weight": [WIDTH, WIDTH] for module in range(MODULES)}
    hub.register_base(BASE, shapes=shapes)
    names = [f"{SPACE}/adapter-{place}" for place in range(count)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda place: hub.push(folder / "adapters" / str(place), names[place], base=BASE), range(count)))
    started = time.perf_counter()
    hub.create_family(FAMILY, base_model=BASE, adapters=names)
    hub.compress(FAMILY, rank=16, member_error=1.0)
    compress = time.perf_counter() - started
    hub.pull_compressed(names[0])
    started = time.perf_counter()
    removal = hub.remove(names[0], "benchmark")
    while _is_pulled(hub, f"/adapters/{names[0]}/compressed") or _is_pulled(hub, f"/families/{FAMILY}/bases/1/file"):
        time.sleep(0.01)
    gone = time.perf_counter() - started
    hub.wait(removal["job"])
    receipt = hub.removal(removal["id"])["receipt"]
    told = time.perf_counter() - started
    while not _is_pulled(hub, f"/families/{FAMILY}/plan"):
        time.sleep(0.1)
    again = time.perf_counter() - started
    return {
        "compress": compress,
        "gone": gone,
        "receipt": told,
        "again": again,
        "deleted": json.dumps(receipt).count('"deleted"'),
    }


def _is_pulled(hub: Hub, path: str) -> bool:
    """Whether the hub still hands it out; anything but its refusal is raised."""
    try:
        hub.connection.get_text(path, {})
    except HubError as error:
        if error.status is None or error.status >= 500:
            raise
        return False
    return True
