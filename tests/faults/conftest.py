"""One topology for the whole session, calmed before each test, and the people who use it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.people import People
from tests.faults.topology import Topology, why_not
from tests.functional.real_adapters import make_lora, minilm_folder

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Whoever ends the run from outside (a time limit, a shutdown) leaves no process behind: the fixtures are torn down.
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA that PEFT trained for a few steps on MiniLM and saved."""
    return make_lora(minilm_folder(), tmp_path_factory.mktemp("trained") / "lora", seed=1)


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    """PostgreSQL, Redis, Swift, two webs and two workers, for the whole session."""
    if reason := why_not():
        pytest.skip(reason)
    with Topology() as started:
        yield started


@pytest.fixture(scope="session")
def people(topology: Topology, real_lora: Path) -> People:
    """Accounts, namespaces and the base model."""
    return People(topology, minilm_folder() / "config.json", real_lora)


@pytest.fixture
def hub(topology: Topology, people: People) -> Topology:
    """The topology in fair weather. Whatever a test did to it, even a failing one, is healed before the next."""
    topology.calm()
    return topology
