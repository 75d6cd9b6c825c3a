"""One transfer in a process of its own: bare boto3 or hubclient, one way or the other; prints seconds and memory."""

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PART_BYTES = 8 << 20
THREADS = 4


def main() -> None:
    """``python -m benchmarks.transfer_clients KIND``, with what it needs as JSON on standard input."""
    kind, given = sys.argv[1], json.load(sys.stdin)
    measured = {"boto3-push": boto3_push, "boto3-pull": boto3_pull, "hub-push": hub_push, "hub-pull": hub_pull}[kind](
        **given
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**measured, "peak_mib": _peak_mib(), "cpu_seconds": used.ru_utime + used.ru_stime}))


def boto3_push(s3: dict[str, str], bucket: str, source: str, **_: Any) -> dict[str, float]:
    """A multipart upload of the same part size and concurrency."""
    client, transfer = _boto3(s3)
    return {"seconds": _timed(lambda: client.upload_file(source, bucket, "bare/object", Config=transfer))}


def boto3_pull(s3: dict[str, str], bucket: str, folder: str, **_: Any) -> dict[str, float]:
    """A ranged download of the same part size and concurrency, to a file."""
    client, transfer = _boto3(s3)
    target = Path(folder) / "bare"
    seconds = _timed(lambda: client.download_file(bucket, "bare/object", str(target), Config=transfer))
    target.unlink()
    return {"seconds": seconds}


def hub_push(url: str, token: str, adapter: str, name: str, folder: str, **_: Any) -> dict[str, float]:
    """A push up to the 202, and then the time until the hub has hashed everything."""
    from hubclient import Hub

    with Hub(url, token, cache=Path(folder) / "cache") as hub:
        start = time.perf_counter()
        result = hub.push(adapter, name, is_waiting=False)
        answered = time.perf_counter()
        if result.state == "receiving" and result.job:
            hub.wait(result.job)
        hashed = time.perf_counter()
        hub.await_validation(result, timeout_seconds=600)
        _leave_nothing_running(hub)
    return {"seconds": answered - start, "hashed_seconds": hashed - answered}


def _leave_nothing_running(hub: Any) -> None:
    """The next measurement must not meet what the hub does with this one; evidence takes minutes, and is called off."""
    from hubclient.errors import HubError

    called_off = set[str]()
    while left := [job for state in ("queued", "running") for job in hub.jobs(state=state)["results"]]:
        for job in left:
            if job["kind"] == "gather_evidence" and job["id"] not in called_off:
                called_off.add(job["id"])
                with suppress(HubError):  # it has just ended
                    hub.cancel_job(job["id"])
        time.sleep(0.5)


def hub_pull(url: str, token: str, name: str, folder: str, **_: Any) -> dict[str, float]:
    """A verified pull into an empty cache."""
    from hubclient import Hub

    cache, target = Path(folder) / "pull-cache", Path(folder) / "pulled"
    with Hub(url, token, cache=cache) as hub:
        seconds = _timed(lambda: hub.pull(name, target))
    for path in (cache, target):
        shutil.rmtree(path)
    return {"seconds": seconds}


def _peak_mib() -> float:
    """The most memory of this program alone: the kernel's `ru_maxrss` begins with its parent's."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _boto3(s3: dict[str, str]) -> tuple[Any, Any]:
    import boto3
    from boto3.s3.transfer import TransferConfig

    transfer = TransferConfig(
        multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=THREADS, use_threads=True
    )
    return boto3.client("s3", **s3), transfer


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
