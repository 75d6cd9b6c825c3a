"""A family in a hub: its `compress` job, and one adapter removed for good: how long its traces can still be pulled."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.families_generated import MODULES, RANK, SHARED, generate, in_a_child
from benchmarks.families_watching import Watch
from hubclient import Hub
from hubclient.errors import HubError

THREADS = 4
BASE, SPACE, FAMILY = "bench/generated", "bench", "bench/generated"


def removal_report(*, count: int, width: int) -> list[str]:
    """Push `count` adapters of `width` x `width` to a hub of its own, compress them, remove one, and time it."""
    from tests.functional.hub_process import HubProcess

    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        in_a_child(generate, folder / "adapters", count, width)
        hub = HubProcess(folder / "hub").start()
        try:
            token = json.loads(hub.manage("bootstrap", "--json"))["token"]
            with Watch(hub.pid) as watch:
                found = _measure(Hub(hub.url, token, cache=folder / "cache"), folder, count, width, watch)
        finally:
            hub.stop()
    steps = [(said.split(",")[0].split(" (")[0], peak) for said, peak in watch.steps if said.startswith("module")]
    chosen = [steps[0], steps[len(steps) // 2], steps[-1]] if steps else []
    peaks = ", ".join(f"{peak / 1e6:.0f} MB at {said}" for said, peak in chosen)
    return [
        f"### The job `compress` of {count}, and removal of one",
        "",
        f"A hub in one process, {count} adapters of {width} x {width} x {MODULES} modules, rank {RANK}, one family. "
        f"Pushed and validated by {THREADS} clients in {found['pushed']:.0f} s. The job (JD-Full, k = {SHARED}): "
        f"**{found['compress']:.1f} s**, {found['bytes_before'] / 1e6:.1f} MB -> {found['bytes_after'] / 1e6:.1f} MB "
        f"({found['bytes_before'] / found['bytes_after']:.1f}x). The most memory that any process of a job has held "
        f"so far: {peaks}.",
        "",
        "Removal: from the request until the adapter, its coefficients and the basis are answered with an error: "
        f"**{found['gone']:.2f} s**; until the receipt: {found['receipt']:.1f} s, with the bytes deleted "
        f"({found['deleted']} artefacts); until the family has a basis without it: {found['again']:.1f} s.",
    ]


def _measure(hub: Hub, folder: Path, count: int, width: int, watch: Watch) -> dict[str, float]:
    hub.call("POST", "/namespaces", json={"name": SPACE, "is_review_required": False})
    shapes = {f"layers.{module}.q_proj.weight": [width, width] for module in range(MODULES)}
    hub.register_base(BASE, shapes=shapes)
    names = [f"{SPACE}/adapter-{place}" for place in range(count)]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda place: hub.push(folder / "adapters" / str(place), names[place], base=BASE), range(count)))
    pushed = time.perf_counter() - started
    hub.create_family(FAMILY, base_model=BASE, adapters=names)
    watch.peak, started = 0, time.perf_counter()
    basis = hub.compress(FAMILY, rank=SHARED, member_error=1.0, on_progress=lambda _, said: watch.note(said))
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
        "pushed": pushed,
        "compress": compress,
        "bytes_before": basis["report"]["original_bytes"],
        "bytes_after": basis["report"]["compressed_bytes"],
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
