"""Rows of a comparison, and what a training was made with."""

from collections.abc import Mapping
from typing import Any

import torch

from workers.evaluation.base import Base
from workers.evaluation.versions import versions
from workers.training.fitting import Trained


def side(name: str, score: Mapping[str, Any], trained: Trained | None) -> dict[str, Any]:
    """One row of a comparison: what it scores, how much of it was trained, and how long that took."""
    return {
        "name": name,
        "score": score["score"],
        "low": score["low"],
        "high": score["high"],
        "trained_parameters": trained.parameters if trained else 0,
        "head_parameters": trained.head_parameters if trained else None,
        "seconds": trained.seconds if trained else None,
        "steps": trained.steps if trained else None,
        "first_loss": trained.first_loss if trained else None,
        "last_loss": trained.last_loss if trained else None,
    }


def made_with(base: Base, weights_digest: str | None) -> dict[str, Any]:
    """Versions and device: with the recipe and the parents' digests enough to do the same again."""
    name = torch.cuda.get_device_name(base.device) if base.device.type == "cuda" else ""
    return versions("safetensors") | {
        "device": base.device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "base_weights_digest": weights_digest or base.weights_digest,
    }
