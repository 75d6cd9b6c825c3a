"""Parts that arrived are not sent again, a changed file is noticed, and finishing twice is one finish."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import httpx
import pytest

from hubclient import Hub
from hubclient.errors import HubError, NetworkError, RefusedError, RejectedError, UsageError
from tests.unit.hubclient.small_hub import SmallHub

PARTS = "^/parts/"


def killed_after(hub: Hub, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process 'die' when it is about to send one part more than `count`, those before it having arrived."""
    real = hub.connection.put_part
    begun = itertools.count()
    arrived = threading.Semaphore(0)

    def put_part(*arguments: object) -> object:
        if next(begun) < count:
            answer = real(*arguments)  # type: ignore[arg-type]
            arrived.release()
            return answer
        for _ in range(count):
            arrived.acquire(timeout=10)
        arrived.release(count)
        raise KeyboardInterrupt

    monkeypatch.setattr(hub.connection, "put_part", put_part)


def test_a_push_sends_every_byte_once(hub: Hub, small_hub: SmallHub, adapter: Path):
    result = hub.push(adapter, "team/one")
    assert small_hub.content("adapter_model.safetensors") == (adapter / "adapter_model.safetensors").read_bytes()
    assert len(small_hub.asked("PUT", PARTS)) == 5
    assert (result.state, result.version) == ("pending", "0.1.0")


def test_the_same_push_again_sends_only_what_is_missing(
    hub: Hub, small_hub: SmallHub, adapter: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        killed_after(hub, 3, patch)
        with pytest.raises(KeyboardInterrupt):
            hub.push(adapter, "team/one")
    before = {each[1] for each in small_hub.asked("PUT", PARTS)}
    small_hub.requests.clear()
    hub.push(adapter, "team/one")
    after = {each[1] for each in small_hub.asked("PUT", PARTS)}
    assert small_hub.uploads_opened == 1
    assert (len(before), len(after), before & after) == (3, 2, set())
    assert small_hub.content("adapter_model.safetensors") == (adapter / "adapter_model.safetensors").read_bytes()


def test_another_version_or_task_is_another_upload(
    hub: Hub, small_hub: SmallHub, adapter: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        killed_after(hub, 1, patch)
        with pytest.raises(KeyboardInterrupt):
            hub.push(adapter, "team/one", task="ner")
    hub.push(adapter, "team/one", task="sentiment")
    assert small_hub.uploads_opened == 2


def test_a_file_changed_between_the_two_attempts_is_sent_whole(
    hub: Hub, small_hub: SmallHub, adapter: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        killed_after(hub, 3, patch)
        with pytest.raises(KeyboardInterrupt):
            hub.push(adapter, "team/one")
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[::-1])
    hub.push(adapter, "team/one")
    assert small_hub.content(weights.name) == weights.read_bytes()


def test_a_finish_whose_answer_was_lost_is_asked_for_again(
    hub: Hub, small_hub: SmallHub, adapter: Path, monkeypatch: pytest.MonkeyPatch
):
    real = hub.connection.call

    def lost(method: str, path: str, **options: object) -> object:
        answer = real(method, path, **options)  # type: ignore[arg-type]
        if path.endswith("/finish"):
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(hub.connection, "call", lost)
        with pytest.raises(KeyboardInterrupt):
            hub.push(adapter, "team/one")
    result = hub.push(adapter, "team/one")
    assert result.is_unchanged
    assert small_hub.uploads_opened == 1
    assert len(small_hub.asked("PUT", PARTS)) == 5


@pytest.mark.parametrize("status", [502, 503, 504, 429])
def test_a_passing_failure_of_a_part_is_tried_again(status: int, hub: Hub, small_hub: SmallHub, adapter: Path):
    small_hub.fail_once["PUT /parts/adapter_model.safetensors/2"] = [status, status]
    hub.push(adapter, "team/one")
    assert small_hub.content("adapter_model.safetensors") == (adapter / "adapter_model.safetensors").read_bytes()
    assert len(small_hub.asked("PUT", "safetensors/2$")) == 3


def test_retry_after_is_obeyed(hub: Hub):
    slept: list[float] = []
    answers = [httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(200, json={})]
    hub.connection.sleep = slept.append
    hub.connection.attempt(lambda: answers.pop(0))
    assert 7 <= slept[0] < 8


def test_a_call_that_may_have_had_its_effect_is_not_repeated(hub: Hub):
    tries = []

    def send() -> httpx.Response:
        tries.append(1)
        raise httpx.ReadTimeout("no answer")

    with pytest.raises(NetworkError):
        hub.connection.attempt(send, is_repeatable=False)
    assert len(tries) == 1


def test_trainers_leftovers_stay_at_home_and_are_told(hub: Hub, small_hub: SmallHub, adapter: Path):
    (adapter / ".git").mkdir()
    (adapter / ".git" / "config").write_text("x")
    (adapter / "optimizer.pt").write_bytes(b"x")
    (adapter / "training_args.bin").write_bytes(b"x")
    (adapter / "link").symlink_to(adapter / "adapter_config.json")
    result = hub.push(adapter, "team/one")
    assert set(small_hub.sizes) == {"adapter_config.json", "adapter_model.safetensors"}
    assert [note.partition(":")[0] for note in result.skipped] == [".git", "link", "optimizer.pt", "training_args.bin"]


def test_a_pickle_is_refused_before_anything_is_sent(hub: Hub, small_hub: SmallHub, adapter: Path):
    (adapter / "adapter_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(RefusedError) as caught:
        hub.push(adapter, "team/one")
    assert caught.value.code == "pickle_refused"
    assert not small_hub.requests


def test_an_empty_folder_is_wrong_usage(hub: Hub, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        hub.push(tmp_path / "empty", "team/one")


def test_an_invalid_adapter_raises_its_first_error_finding(hub: Hub, small_hub: SmallHub, adapter: Path):
    small_hub.revision_state = "invalid"
    small_hub.report = {
        "findings": [
            {"code": "odd", "severity": "warning", "message": "Odd."},
            {"code": "shape_mismatch", "severity": "error", "message": "Wrong.",
             "tensor": "q", "expected": [1, 2], "received": [3, 4]},
        ]
    }  # fmt: skip
    with pytest.raises(RejectedError) as caught:
        hub.push(adapter, "team/one")
    error: HubError = caught.value
    assert (error.code, error.tensor, error.expected, error.received) == ("shape_mismatch", "q", [1, 2], [3, 4])
