"""A job computes in a child of its own: bounded, killable, and unable to hurt the process that started it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.children import ChildFailed, ChildStopped, run_in_child, warm_up

pytest.importorskip("torch", reason="the forkserver preloads torch")
MEMORY = 256 << 20
FUNCTIONS = "tests.unit.workers.child_functions"


@pytest.fixture(scope="module", autouse=True)
def warm():
    """The forkserver, with the heavy libraries loaded before anything is timed."""
    warm_up()
    call("add", a=0, b=0)


def call(name: str, *, seconds: int = 60, memory_bytes: int = MEMORY, on_tick=None, **argument):
    return run_in_child(f"{FUNCTIONS}:{name}", argument, memory_bytes=memory_bytes, seconds=seconds, on_tick=on_tick)


def own_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_result_comes_back_from_another_process():
    first, second = call("add", a=2, b=3), call("add", a=2, b=3)
    assert first["sum"] == 5
    assert len({first["pid"], second["pid"], os.getpid()}) == 3


def test_a_warm_child_starts_in_a_moment():
    began = time.monotonic()
    call("add", a=1, b=1)
    assert time.monotonic() - began < 2.0


def test_progress_is_heard_in_order():
    heard = []

    def listen(progress, note):
        if progress is not None:
            heard.append((progress, note))
        return True

    call("count_up", on_tick=listen)
    assert heard == [(0.25, "step 1"), (0.5, "step 2"), (0.75, "step 3")]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("refuse", "base_unreadable", "names no architecture"),
        ("stumble", "internal_error", "KeyError: 'base_id'"),
        ("absent", "internal_error", "absent"),
    ],
)
def test_what_a_child_raises_keeps_its_code_and_is_final(name, code, said):
    with pytest.raises(ChildFailed, match=said) as failed:
        call(name)
    assert (failed.value.code, failed.value.is_final) == (code, True)


def test_memory_beyond_the_limit_ends_the_job_and_not_the_host():
    before = own_bytes()
    with pytest.raises(ChildFailed, match="256 MiB") as failed:
        call("allocate", size_bytes=3 << 30)
    assert (failed.value.code, failed.value.is_final) == ("resource_limit", True)
    assert own_bytes() - before < 32 << 20
    assert call("allocate", size_bytes=64 << 20) == {"bytes": 64 << 20}


def test_resident_memory_beyond_the_limit_ends_a_child_whose_address_space_is_free():
    watched = {"memory_bytes": MEMORY, "seconds": 60, "is_memory_watched": True}
    mapped = run_in_child(f"{FUNCTIONS}:map_much_and_touch_little", {"size_bytes": 8 << 30}, **watched)
    assert mapped == {"bytes": 8 << 30}
    with pytest.raises(ChildFailed, match="256 MiB") as failed:
        run_in_child(f"{FUNCTIONS}:hold", {"size_bytes": 512 << 20}, **watched)
    assert (failed.value.code, failed.value.is_final) == ("resource_limit", True)


@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_time_beyond_the_limit_ends_the_job(name):
    began = time.monotonic()
    with pytest.raises(ChildFailed) as failed:
        run_in_child(f"{FUNCTIONS}:{name}", {}, memory_bytes=MEMORY, seconds=1)
    assert (failed.value.code, failed.value.is_final) == ("resource_limit", True)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("name", "how"), [("kill_self", "SIGKILL"), ("leave", "exit status 3")])
def test_a_child_that_dies_is_worth_another_try(name, how):
    with pytest.raises(ChildFailed, match=how) as failed:
        call(name)
    assert (failed.value.code, failed.value.is_final) == ("child_died", False)


def test_a_tick_stops_a_child_and_the_child_is_gone():
    pids = []

    def stop(progress, note):
        if note:
            pids.append(int(note))
        return not pids or progress is not None

    began = time.monotonic()
    with pytest.raises(ChildStopped):
        call("sleep", on_tick=stop, seconds=20, asleep=30)
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{pids[0]}").exists()


def test_an_error_of_the_tick_kills_the_child_too():
    pids = []

    def lose(progress, note):
        if note:
            pids.append(int(note))
            return True
        raise RuntimeError("the lease went to another worker")

    with pytest.raises(RuntimeError, match="lease"):
        call("sleep", on_tick=lose, seconds=20, asleep=30)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_a_child_writes_no_large_file(tmp_path):
    with pytest.raises(ChildFailed):
        call("write_file", path=str(tmp_path / "large"), size_bytes=64 << 20)
    assert not (tmp_path / "large").exists() or (tmp_path / "large").stat().st_size <= 1 << 20


def test_a_child_knows_the_heavy_libraries_and_nothing_of_the_hub():
    seen = call("look_around")
    assert seen["packages"] == ["peft", "torch", "transformers"]
    assert seen["offline"] == "1"


def test_the_host_stays_small_whatever_its_children_do():
    call("allocate", size_bytes=1 << 20)
    before = own_bytes()
    for _ in range(10):
        call("allocate", size_bytes=128 << 20)
    assert own_bytes() - before < 16 << 20


def test_the_host_keeps_no_descriptor_of_a_child_that_ended():
    call("add", a=1, b=1)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        call("add", a=1, b=1)
    with pytest.raises(ChildFailed):
        call("kill_self")
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_no_child_runs_the_script_of_its_worker_again(tmp_path):
    """A worker's script loads Celery and its application: seconds for each job, and nothing of it is for a child."""
    script = tmp_path / "worker.py"
    script.write_text(
        f"print('the script runs', flush=True)\n"
        f"if __name__ == '__main__':\n"
        f"    from workers.children import run_in_child\n"
        f"    print(run_in_child('{FUNCTIONS}:add', {{'a': 2, 'b': 3}}, memory_bytes={MEMORY}, seconds=60)['sum'])\n"
    )
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split("\n") == ["the script runs", "5", ""], done.stderr
