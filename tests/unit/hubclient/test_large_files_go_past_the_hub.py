"""Parts go to whoever the hub names, addresses are renewed, and what the hub hashes later is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubclient import Hub
from hubclient.errors import IntegrityError, JobFailedError, StoreRefusedError
from tests.unit.hubclient.small_hub import COMMIT, SmallHub

PARTS = "^/parts/"


@pytest.fixture
def store(small_hub: SmallHub, other_origin: SmallHub) -> SmallHub:
    """The store that takes every part, beside the hub that counts them."""
    small_hub.part_origin = other_origin.url
    small_hub.parts = other_origin.parts
    small_hub.is_receiving = True
    return other_origin


def test_every_part_goes_to_the_store_once_and_without_the_token(
    hub: Hub, small_hub: SmallHub, store: SmallHub, adapter: Path
):
    hub.push(adapter, "team/one")
    assert len(store.asked("PUT", PARTS)) == 5
    assert {each[2] for each in store.requests} == {None}
    assert not small_hub.asked("PUT", PARTS)


def test_without_waiting_a_push_ends_with_the_job_that_hashes(hub: Hub, store: SmallHub, adapter: Path):
    result = hub.push(adapter, "team/one", is_waiting=False)
    assert (result.state, result.version, (result.job or {})["id"]) == ("receiving", None, "j0")


def test_waiting_waits_for_the_hashing_and_then_for_the_validation(
    hub: Hub, small_hub: SmallHub, store: SmallHub, adapter: Path
):
    result = hub.push(adapter, "team/one")
    assert (result.state, result.revision["commit_id"]) == ("pending", COMMIT)
    assert [each[1] for each in small_hub.asked("GET", "/jobs/")] == ["/jobs/j0"]
    small_hub.revision_state = "validating"
    hub.push(adapter, "team/one")
    assert [each[1] for each in small_hub.asked("GET", "/jobs/")][1:] == ["/jobs/j0", "/jobs/j1"]


def test_an_address_that_ran_out_is_renewed_and_what_arrived_is_not_sent_again(
    hub: Hub, small_hub: SmallHub, store: SmallHub, adapter: Path
):
    store.fail_once["PUT /parts/adapter_model.safetensors/2"] = [403]
    hub.push(adapter, "team/one")
    assert len(small_hub.asked("GET", "^/uploads/u1")) == 1
    sent = [each[1] for each in store.asked("PUT", PARTS)]
    assert sent.count("/parts/adapter_model.safetensors/2") == 2
    assert len(sent) == 6
    assert small_hub.content("adapter_model.safetensors") == (adapter / "adapter_model.safetensors").read_bytes()


def test_a_store_that_takes_no_address_at_all_is_an_error_of_the_network(hub: Hub, store: SmallHub, adapter: Path):
    store.fail_once["PUT /parts/adapter_model.safetensors/2"] = [403] * 50
    with pytest.raises(StoreRefusedError) as caught:
        hub.push(adapter, "team/one")
    assert caught.value.exit_code == 3
    assert len(store.asked("PUT", "safetensors/2$")) <= 5


def test_a_push_that_was_killed_after_its_finish_takes_up_the_job(
    hub: Hub, small_hub: SmallHub, store: SmallHub, adapter: Path
):
    hub.push(adapter, "team/one", is_waiting=False)
    store.requests.clear()
    result = hub.push(adapter, "team/one")
    assert (result.state, result.revision["commit_id"]) == ("pending", COMMIT)
    assert not store.asked("PUT", PARTS)
    assert small_hub.uploads_opened == 1


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"), [("digest_mismatch", IntegrityError, 5), ("version_exists", JobFailedError, 1)]
)
def test_what_the_hashing_finds_is_the_error_of_the_push(
    code: str, kind: type[Exception], exit_code: int, hub: Hub, small_hub: SmallHub, store: SmallHub, adapter: Path
):
    small_hub.receive_error = code
    with pytest.raises(kind) as caught:
        hub.push(adapter, "team/one")
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)  # type: ignore[attr-defined]
    small_hub.receive_error = None
    assert hub.push(adapter, "team/one").state == "pending"
    assert small_hub.uploads_opened == 1, "the same upload goes on"
