"""The function of the job ``adapt``: coefficients alone against a full LoRA of the same rank, on the same rows.

EigenLoRAx (arXiv 2502.04700): the members' principal directions stay fixed, a new task learns a few numbers in each
layer. Written is the side with the coefficients, as an ordinary LoRA; the other one is only measured.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from workers.computing import Report
from workers.derivations.settled import device_of
from workers.evaluation.base import Base
from workers.evaluation.run import repeatable
from workers.training.asked import AdaptAsked
from workers.training.card import CARD_NAME, card_of
from workers.training.fitting import Learning, Trained, train
from workers.training.head import start_head
from workers.training.refusing import refusing
from workers.training.reporting import made_with, side
from workers.training.rows import read_labelled
from workers.training.scoring import files_in, scores_of
from workers.training.sides import coefficients_on, lora_on, write_coefficients, write_lora
from workers.training.subspace import Spanned, span, stored

CLASS = "AutoModelForSequenceClassification"
_SIDES = ("coefficients", "full_lora", "base_alone")


def adapt(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Train both sides and measure them: ``report`` with a row for each, and ``made_with``.

    ``argument``: ``base`` with its path, ``base_id``, ``set`` as an evaluation has it, ``members`` (files by path),
    ``settings``, ``threads``, ``scratch`` and ``out``, a folder that gets the adapter. Raises Refused.
    """
    asked = AdaptAsked.from_argument(argument)
    device = device_of(argument)
    with repeatable(asked.rows.threads), refusing():
        return _Adaptation(asked, device, report).run()


class _Adaptation:
    """One run: the base model is loaded afresh for each side, so that neither sees the other."""

    def __init__(self, asked: AdaptAsked, device: torch.device, report: Report) -> None:
        self._asked, self._report = asked, report
        self._base = Base(asked.rows.base, device)
        plan = asked.plan
        self._rows = read_labelled(
            asked.rows.set, asked.split, self._base, limit=plan.limit, seed=plan.seed, max_tokens=plan.max_tokens
        )

    def run(self) -> dict[str, Any]:
        asked = self._asked
        model = self._model()
        spanned = self._spanned(model)
        learning = coefficients_on(model, spanned.bases, asked.plan)
        coefficients = self._train(learning, self._within(0.1, 0.45, "training coefficients"))
        write_coefficients(model, asked.output, base_id=asked.base_id, labels=self._rows.labels)
        model = self._model()
        learning = lora_on(model, sorted(spanned.bases), asked.plan)
        full = self._train(learning, self._within(0.45, 0.8, "training a full LoRA"))
        other = write_lora(learning.model, asked.scratch / "full", base_id=asked.base_id, labels=self._rows.labels)
        del model, learning
        self._base.forget()
        subjects = {"coefficients": files_in(asked.output), "full_lora": files_in(other), "base_alone": None}
        scores = scores_of(
            asked.argument,
            subjects,
            self._within(0.8, 1.0, "measuring"),
            seed=asked.plan.seed,
            max_tokens=asked.plan.max_tokens,
        )
        trained = {"coefficients": coefficients, "full_lora": full}
        report = {
            "metric": asked.rows.set.metric,
            "train_rows": len(self._rows.rows),
            "test_rows": scores["coefficients"]["rows"],
            "sides": [side(name, scores[name], trained.get(name)) for name in _SIDES],
            "subspace": spanned.as_report(len(asked.argument["parents"])),
            "coefficient_bytes": 4 * coefficients.parameters,
        }
        card = self._card(report)
        (asked.output / CARD_NAME).write_text(card, encoding="utf-8")
        return {
            "report": report,
            "card": card,
            "made_with": made_with(self._base, scores["coefficients"]["weights_digest"]),
        }

    def _card(self, report: Mapping[str, Any]) -> str:
        said, plan = self._asked.argument, self._asked.plan
        intro = (
            f"A LoRA of rank {plan.rank} that lies in the principal directions of {len(said['parents'])} others "
            f"(EigenLoRAx, arXiv 2502.04700): only its coefficients and its head were trained, on "
            f"{report['train_rows']} rows of {said['set_name']}. Measured on its split test:"
        )
        return card_of(
            said["title"],
            base_id=said["base_id"],
            labels=self._rows.labels,
            parents=said["parents"],
            intro=intro,
            report=report,
            is_experimental=False,
        )

    def _spanned(self, model: Any) -> Spanned:
        asked = self._asked
        if asked.basis is not None:
            return stored(model, asked.basis, asked.subspace, seed=asked.plan.seed)
        report = self._within(0.0, 0.1, "directions")
        return span(model, asked.members, asked.subspace, seed=asked.plan.seed, report=report)

    def _model(self) -> Any:
        """The base model with its head where a linear fit puts it; the same for both sides."""
        self._base.forget()
        model = self._base.load(CLASS, len(self._rows.labels)).model
        start_head(model, self._rows.rows, self._rows.truth, len(self._rows.labels))
        return model

    def _train(self, learning: Learning, report: Callable[[float], None]) -> Trained:
        truth = torch.from_numpy(self._rows.truth)

        def loss_of(batch: dict[str, torch.Tensor], places: Sequence[int]) -> torch.Tensor:
            logits = learning.model(**batch).logits.float()
            return torch.nn.functional.cross_entropy(logits, truth[list(places)].to(logits.device))

        return train(learning, self._rows.rows, loss_of, self._asked.plan, report)

    def _within(self, start: float, end: float, note: str) -> Callable[[float], None]:
        return lambda share: self._report(start + (end - start) * min(share, 1.0), note)
