"""The training loop that all sides share: AdamW, a linear warm-up and decline, batches in an order drawn by a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from workers.training.asked import Plan
from workers.training.rows import Rows

_WARM_UP = 0.1
_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0

Loss = Callable[[dict[str, torch.Tensor], Sequence[int]], torch.Tensor]
"""A batch and the places of its rows -> the mean loss."""


@dataclass(frozen=True)
class Trained:
    """How a training went."""

    parameters: int
    head_parameters: int
    seconds: float
    steps: int
    first_loss: float
    last_loss: float


@dataclass(frozen=True)
class Learning:
    """What learns: an adapter's tensors and a head's, each with its rate."""

    model: Any
    adapter: list[torch.nn.Parameter]
    head: list[torch.nn.Parameter]
    rate: float
    head_rate: float


def train(learning: Learning, rows: Rows, loss_of: Loss, plan: Plan, report: Callable[[float], None]) -> Trained:
    """Train in place and say how it went; the model stays in eval mode, so that no dropout blurs the comparison.

    The same seed, device and number of threads give the same tensors.
    """
    torch.manual_seed(plan.seed)
    groups = [
        {"params": tensors, "lr": rate}
        for tensors, rate in ((learning.adapter, learning.rate), (learning.head, learning.head_rate))
        if tensors
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY)
    batches = [
        places for epoch in range(plan.epochs) for places in rows.orders(plan.batch_size, plan.seed * 1000 + epoch)
    ]
    schedule = LambdaLR(optimizer, lambda step: _share_of_rate(step, len(batches)))
    everything = [*learning.adapter, *learning.head]
    device, start, losses = learning.model.device, perf_counter(), []
    for step, places in enumerate(batches):
        loss = loss_of(rows.batch(places, device), places)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(everything, _LARGEST_GRADIENT)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(float(loss.detach()))
        report((step + 1) / len(batches))
    return Trained(
        parameters=sum(tensor.numel() for tensor in learning.adapter),
        head_parameters=sum(tensor.numel() for tensor in learning.head),
        seconds=round(perf_counter() - start, 3),
        steps=len(batches),
        first_loss=round(losses[0], 6),
        last_loss=round(sum(losses[-8:]) / len(losses[-8:]), 6),
    )


def _share_of_rate(step: int, steps: int) -> float:
    """Linear warm-up over the first tenth, then linear decline to zero."""
    warm_up = max(1, int(steps * _WARM_UP))
    return min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))
