"""A real hub whose garbage collection hardly waits, on the servers that are asked for, and what people push to it."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from cluster.postgres import Postgres
from cluster.swift import Swift
from tests.functional.hub_process import Api, HubProcess, bootstrap

Environment = dict[str, str]
BASE = "soak/base"
WIDTH = 16
_MODULE = "model.layers.0.self_attn.q_proj"
# Collection every two seconds, and next to no grace: what must never be lost is one slip away from it.
HURRY = {
    "HUB_GC_GRACE_SECONDS": "1",
    "HUB_GC_WAIT_SECONDS": "1",
    "HUB_GC_EVERY_SECONDS": "2",
    "HUB_KEEP_REFUSED_DAYS": "0",
    "HUB_JOB_SWEEP_SECONDS": "2",
    "HUB_LOG_LEVEL": "INFO",
}


@dataclass(frozen=True)
class World:
    """The hub and its administrator, who owns `open` (no review) and `strict` (reviewed)."""

    hub: HubProcess
    admin: Api


@contextmanager
def places(
    folder: Path, *, has_postgres: bool = False, has_swift: bool = False
) -> Iterator[Callable[[str], Environment]]:
    """Servers as asked for; call what is yielded with a name for an empty database and an empty store of that name."""
    with ExitStack() as stack:
        postgres = swift = None
        if has_postgres:
            postgres = Postgres(_made(folder / "postgres"))
            stack.callback(postgres.stop)
            postgres.start()
        if has_swift:
            swift = Swift(_made(folder / "swift"))
            stack.callback(swift.stop)
            swift.start()

        def place(name: str) -> Environment:
            environment: Environment = {}
            if postgres:
                environment["DATABASE_URL"] = postgres.database(name)
            if swift:
                environment |= {"HUB_STORAGE_URL": swift.url(name), **swift.environment}
            if environment:
                environment["HUB_SECRET_KEY"] = secrets.token_urlsafe(50)
            return environment

        yield place


@contextmanager
def world(folder: Path, environment: Environment) -> Iterator[World]:
    """Start the hub and make what everybody needs; stop it in the end."""
    hub = HubProcess(folder, **HURRY, **environment).start()
    try:
        admin = bootstrap(hub)
        admin("POST", "/namespaces", json={"name": "open", "is_review_required": False}, expect=201)
        admin("POST", "/namespaces", json={"name": "strict"}, expect=201)
        shapes = {f"{_MODULE}.weight": [WIDTH, WIDTH]}
        admin("POST", "/base-models", json={"id": BASE, "shapes": shapes, "license": "mit"})
        yield World(hub, admin)
    finally:
        hub.stop()


def write_adapter(folder: Path, seed: int, *, width: int = WIDTH) -> Path:
    """A LoRA in ``folder``; the same seed gives the same bytes, and another ``width`` one that fits no base here."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    tensors = {
        f"base_model.model.{_MODULE}.lora_A.weight": random.normal(size=(4, width)).astype(np.float32),
        f"base_model.model.{_MODULE}.lora_B.weight": random.normal(size=(width, 4)).astype(np.float32),
    }
    config: dict[str, Any] = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    config |= {"task_type": "CAUSAL_LM", "base_model_name_or_path": BASE}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(save(tensors))
    (folder / "README.md").write_text("---\nlicense: mit\nlanguage: de\n---\n# An adapter\n")
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    return folder
