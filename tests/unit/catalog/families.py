"""Makers of families: adapters that share a subspace, published through the real services and really inspected."""

import json
import tempfile
from pathlib import Path
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.families.members import add_members
from catalog.families.models import Family
from catalog.families.services import create_family
from catalog.jobs.models import Job
from tests.unit.catalog.factories import push

BASE = "tiny/wide"
D_OUT, D_IN = 96, 64
MODULES = tuple(f"layers.{layer}.{side}" for layer in range(2) for side in ("q_proj", "v_proj"))
_SPACE = 8


def make_wide_base(actor: User) -> BaseModel:
    """A base model of four modules, 96 x 64 each."""
    shapes = {f"{module}.weight": [D_OUT, D_IN] for module in MODULES}
    return register_base(actor, name=BASE, shapes=shapes).base


def factors(seed: int, module: str, *, rank: int = 4, noise: float = 0.05) -> tuple[Any, Any]:
    """A (rank, 64) and B (96, rank) in a subspace that all seeds share, and a little outside it."""
    import torch

    shared = torch.Generator().manual_seed(MODULES.index(module) if module in MODULES else 99)
    U, V = torch.randn(D_OUT, _SPACE, generator=shared), torch.randn(_SPACE, D_IN, generator=shared)
    own = torch.Generator().manual_seed(1000 * seed + len(module) + (MODULES.index(module) if module in MODULES else 0))
    A = torch.randn(rank, _SPACE, generator=own) @ V / 8 + noise * torch.randn(rank, D_IN, generator=own)
    B = U @ torch.randn(_SPACE, rank, generator=own) / 8 + noise * torch.randn(D_OUT, rank, generator=own)
    return A, B


def family_files(
    seed: int,
    *,
    rank: int = 4,
    modules: tuple[str, ...] = MODULES,
    scale: float = 1.0,
    more: dict[str, Any] | None = None,
    **config: Any,
) -> dict[str, bytes]:
    """A PEFT LoRA of :func:`factors`; ``more`` are further tensors by their full names."""
    from safetensors.torch import save

    tensors: dict[str, Any] = dict(more or {})
    for module in modules:
        A, B = factors(seed, module, rank=rank)
        tensors[f"base_model.model.{module}.lora_A.weight"] = A.contiguous()
        tensors[f"base_model.model.{module}.lora_B.weight"] = (B * scale).contiguous()
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": ["q_proj", "v_proj"], **config}
    return {
        "adapter_config.json": json.dumps({**said, "base_model_name_or_path": BASE}).encode(),
        "adapter_model.safetensors": save(tensors, metadata={"format": "pt"}),
        "README.md": b"---\nlicense: mit\n---\n# One of a family\n",
    }


def inspected(files: dict[str, bytes]) -> dict[str, Any]:
    """What validation says of the files, without a child."""
    from kernels.formats.inspection import inspect_folder

    with tempfile.TemporaryDirectory() as folder:
        laid_out = {}
        for name, data in files.items():
            laid_out[name] = Path(folder) / name
            laid_out[name].write_bytes(data)
        return inspect_folder(laid_out, base=None).as_dict()


def publish_member(
    actor: User, base: BaseModel, adapter: str, files: dict[str, bytes] | None = None, *, seed: int = 1, **options: Any
) -> Revision:
    """A pushed, inspected and published member."""
    files = files or family_files(seed)
    found = inspected(files)
    assert found["verdict"] == "accepted", found["findings"]
    revision = record_verdict(push(actor, files, adapter, **options), inspection=found, base=base)
    revision.refresh_from_db()
    if revision.state == "pending":
        revision = publish_revision(revision, actor=actor)
    # It has its verdict; a worker would take its job before that of the family.
    Job.objects.filter(pk__in=[revision.validation_job_id]).delete()
    revision.refresh_from_db()
    return revision


def make_family(actor: User, count: int = 4, *, full_name: str = "lab/tones", **options: Any) -> Family:
    """A family of ``count`` published members ``lab/one`` ..., added by hand."""
    base = make_wide_base(actor)
    family = create_family(actor, full_name=full_name, base_model=BASE, **options)
    names = [f"lab/member-{seed}" for seed in range(1, count + 1)]
    for seed, name in enumerate(names, 1):
        publish_member(actor, base, name, seed=seed)
    add_members(actor, family, names)
    return family
