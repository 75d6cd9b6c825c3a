"""The fair opponent of every adapter: a linear head alone, trained to convergence on the frozen base's features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel

from demo.corpus import Corpus, Example
from demo.measuring import BATCH_SIZE, encode

WEIGHT_DECAYS = (1e-4, 1e-3, 1e-2)
STARTING_WEIGHT_DECAY = 1e-2
MAX_ITERATIONS = 100


@dataclass(frozen=True)
class FrozenHead:
    """What a head alone reaches, and the head (on the base's own pooler) that an adapter's training starts from."""

    accuracy: float
    head: torch.nn.Linear


def train_frozen_head(base_path: Path, tokenizer: Any, corpus: Corpus, classes: int) -> FrozenHead:
    """Fit six heads: two ways of pooling, three strengths of weight decay.

    The accuracy is that of the best, picked on the held-out set itself, which favours the head over the adapter it is
    compared with. The head handed on is fixed beforehand: the base's pooler and the strongest decay.
    """
    base = AutoModel.from_pretrained(base_path, dtype=torch.float32).eval()
    train_features = pooled_features(base, tokenizer, corpus.train)
    held_out_features = pooled_features(base, tokenizer, corpus.held_out)
    train_labels = torch.tensor([example.label for example in corpus.train])
    held_out_labels = torch.tensor([example.label for example in corpus.held_out])
    accuracies = []
    for train, held_out in zip(train_features, held_out_features, strict=True):
        for weight_decay in WEIGHT_DECAYS:
            head = fit_head(train, train_labels, classes, weight_decay)
            is_right = head(held_out).argmax(dim=1) == held_out_labels
            accuracies.append(is_right.double().mean().item())
    start = fit_head(train_features[0], train_labels, classes, STARTING_WEIGHT_DECAY)
    return FrozenHead(accuracy=max(accuracies), head=start)


def fit_head(features: Tensor, labels: Tensor, classes: int, weight_decay: float) -> torch.nn.Linear:
    """Multinomial logistic regression on features `(n, hidden)` and labels `(n,)` by L-BFGS.

    It is fitted on standardised features, and the scaling is folded into the head that is returned.
    """
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    standardised = (features - mean) / deviation
    head = torch.nn.Linear(features.shape[1], classes)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = functional.cross_entropy(head(standardised), labels) + weight_decay * head.weight.square().sum()
        loss.backward()
        return loss.item()

    optimizer.step(closure)
    with torch.no_grad():
        head.weight.div_(deviation)
        head.bias.sub_(head.weight @ mean)
    return head


@torch.no_grad()
def pooled_features(base: Any, tokenizer: Any, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Features `(n, hidden)` twice: the base's own pooler, and the mean over tokens."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].text))
    pooler = torch.empty(len(examples), base.config.hidden_size)
    mean = torch.empty_like(pooler)
    for start in range(0, len(order), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        batch = encode(tokenizer, [examples[row].text for row in rows])
        output = base(**batch)
        mask = batch["attention_mask"].unsqueeze(-1)
        pooler[rows] = output.pooler_output
        mean[rows] = (output.last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
    return pooler, mean
