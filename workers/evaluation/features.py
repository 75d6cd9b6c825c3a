"""One vector for each text: the mean over its tokens of what the last layer says."""

from typing import Any

import torch

from workers.evaluation.batching import Forward


def last_hidden(output: Any, tokens: int) -> torch.Tensor:
    """The last layer's states `(rows, tokens, hidden)`, without those of a prompt's virtual tokens before them."""
    hidden = getattr(output, "last_hidden_state", None)
    if hidden is None and getattr(output, "hidden_states", None):
        hidden = output.hidden_states[-1]
    if hidden is None:
        hidden = output.encoder_last_hidden_state
    return hidden[:, -tokens:]


def pooled(hidden: torch.Tensor, mask: torch.Tensor, pooling: str = "mean") -> torch.Tensor:
    """`(rows, hidden)` of `(rows, tokens, hidden)`: the mean over real tokens, the first, or the last real one."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        positions = torch.arange(mask.shape[1], device=mask.device)
        return hidden[torch.arange(len(hidden), device=mask.device), (positions * mask).argmax(dim=1)]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)


def mean_features(model: Any, pooling: str = "mean") -> Forward:
    """What ``model`` makes of each text, head or no head."""

    def forward(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        output = model(**batch, output_hidden_states=True)
        mask = batch["attention_mask"]
        return pooled(last_hidden(output, mask.shape[1]), mask, pooling)

    return forward


def token_features(model: Any) -> Forward:
    """What ``model``'s last layer says of each real token, `(tokens, hidden)` for each row."""

    def forward(batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        mask = batch["attention_mask"]
        return real_tokens(last_hidden(model(**batch, output_hidden_states=True), mask.shape[1]), mask)

    return forward


def real_tokens(states: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
    """For each row of `(rows, tokens, n)` what is not padding, wherever the padding is."""
    return [row[real] for row, real in zip(states, mask.bool(), strict=True)]
