"""Adapters that are copies, relatives or strangers of each other, with the fingerprints that a worker would make."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.similarity.models import Fingerprint
from catalog.similarity.recording import record_fingerprint
from catalog.store import blob_store
from tests.unit.catalog.factories import PROJECTION, WIDTH, accept, push
from workers.computing import fingerprint

RANK = 4


def likeness_files(
    seed: int,
    *,
    start: int | None = None,
    gauge: int | None = None,
    rank: int = RANK,
    noise: float = 0.0,
    **config: Any,
) -> dict[str, bytes]:
    """A LoRA of random values: A drawn by ``start`` (else ``seed``), B by ``seed``; ``gauge`` factorises it anew."""
    starts, rng = np.random.default_rng(seed if start is None else start), np.random.default_rng(1000 + seed)
    a: Any = starts.standard_normal((rank, WIDTH))
    b: Any = rng.standard_normal((WIDTH, rank))
    b += noise * np.random.default_rng(7).standard_normal(b.shape)
    if gauge is not None:
        turn: Any = np.linalg.qr(np.random.default_rng(gauge).standard_normal((rank, rank)))[0]
        change = turn * np.linspace(1, 3, rank)
        a, b = np.linalg.solve(change, a), b @ change
    tensors = {f"base_model.model.{PROJECTION}.lora_{side}.weight": half for side, half in (("A", a), ("B", b))}
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    weights = save({name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()})
    return {
        "adapter_config.json": json.dumps({**said, "base_model_name_or_path": "tiny/llama", **config}).encode(),
        "adapter_model.safetensors": weights,
        "README.md": f"# {seed} {start} {gauge} {config}\n".encode(),
    }


def pushed(actor: User, base: BaseModel, files: dict[str, bytes], adapter: str = "lab/ner", **options: Any) -> Revision:
    """A pending (or published) revision with its fingerprint."""
    revision = accept(push(actor, files, adapter, **options), base)
    take_fingerprint(revision)
    return Revision.objects.get(pk=revision.pk)


def take_fingerprint(revision: Revision) -> Fingerprint:
    """What a worker's child would compute of the files, kept."""
    with TemporaryDirectory() as folder:
        files = {}
        for file in revision.files.all():
            local = Path(folder) / file.path
            local.write_bytes(b"".join(blob_store().read(file.blob_id)))
            files[file.path] = str(local)
        base = revision.base_model
        found = fingerprint({"files": files, "base": base.shapes.table if base else None}, lambda *said: None)
    return record_fingerprint(revision, found)
