"""`python -m tests.faults.draining fill N` queues jobs; `drain` claims and completes them with threads, and counts."""

import json
import os
import sys
import threading
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
THREADS = 4


def fill(count: int) -> None:
    """Queue ``count`` jobs, each third of another priority, behind ten times as many that have ended."""
    from catalog.jobs.clock import database_now
    from catalog.jobs.models import Job, Priority

    now = database_now()
    Job.objects.bulk_create(Job(kind="ended", state="succeeded", available_at=now) for _ in range(10 * count))
    Job.objects.bulk_create(
        Job(kind="counted", priority=list(Priority)[at % 3], available_at=now) for at in range(count)
    )


def drain() -> None:
    """Claim and complete until nothing is due; print what was done and how long a job took on average."""
    from django.db import connection

    from catalog.jobs.services import claim, complete

    done: list[tuple[str, int]] = []

    def work() -> None:
        while claimed := claim(worker=f"{os.getpid()}"):
            complete(claimed, lambda: {})
            done.append((str(claimed.job.pk), claimed.job.priority))
        connection.close()

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"done": done, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[2])) if sys.argv[1] == "fill" else drain()
