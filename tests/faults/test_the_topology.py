"""In fair weather the topology does what one hub does; without this the other files would show nothing."""

from tests.faults.people import People
from tests.faults.topology import Topology
from tests.faults.witness import assert_done_once, wait_until_ended


def test_in_fair_weather_each_push_is_published_once(hub: Topology, people: People) -> None:
    pushes = people.push_many(4, "fair")
    wait_until_ended(hub, pushes, seconds=60)
    assert_done_once(hub, pushes, most_attempts=1)
    for push in pushes:
        answer = people.author("GET", f"/adapters/{push.name}/files/1.0.0/adapter_model.safetensors")
        assert (answer.status_code, answer.content) == (200, push.files["adapter_model.safetensors"])
