"""A job sender that keeps what it was asked to send, named in ``HUB_JOB_SENDER`` by the fixture ``sent``."""

sent_ids: list[str] = []
is_broker_up = [True]


def record(job_id: str, queue: str) -> bool:
    """Remember the id, unless the broker is said to be away."""
    if is_broker_up[0]:
        sent_ids.append(job_id)
    return is_broker_up[0]


def revive_nothing(job: object) -> None:
    """A reviver, named in ``HUB_JOB_REVIVER``, for jobs that nothing hangs on."""
