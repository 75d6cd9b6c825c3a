"""A clock so far off that S3 refuses it: such a worker leaves the work to the others."""

import pytest

from tests.faults.clock import need_faketime, set_clock
from tests.faults.people import People
from tests.faults.topology import Topology, wait_until
from tests.faults.witness import assert_done_once, wait_until_ended


@pytest.mark.faults_full
@pytest.mark.fault("a worker's clock that the store would refuse")
@pytest.mark.parametrize("offset", ["+20m", "-20m"])
def test_a_worker_with_a_wrong_clock_leaves_all_jobs_to_the_other_and_says_so(
    topology: Topology, people: People, offset: str
) -> None:
    need_faketime()
    topology.calm()
    wrong = topology.workers[0]
    try:
        set_clock(wrong, offset)
        wait_until(lambda: len(clocks(topology)) == 2, seconds=60, what="two workers")
        pushes = people.push_many(6, "refused")
        wait_until_ended(topology, pushes, seconds=120)
        assert_done_once(topology, pushes, most_attempts=1)
        right, off = sorted(clocks(topology).items(), key=lambda item: abs(item[1]))
        assert abs(right[1]) < 5
        assert abs(off[1] - 1200 * (1 if offset[0] == "+" else -1)) < 5
        claimed = topology.rows(
            "SELECT DISTINCT who FROM jobs_jobevent WHERE kind = 'claimed' AND job_id = ANY(%s::uuid[])",
            [push.job for push in pushes],
        )
        assert claimed == [(right[0],)]
        assert "no job is claimed: the clock of" in wrong.log()
    finally:
        set_clock(wrong, "")


def clocks(hub: Topology) -> dict[str, float]:
    """How far each worker's clock is ahead, as its row says."""
    return {str(name): float(skew) for name, skew in hub.rows("SELECT name, clock_skew_seconds FROM jobs_worker")}
