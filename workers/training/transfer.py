"""The function of the job ``transfer``: a fresh LoRA on another base model learns what an adapter answers.

Trans-LoRA (arXiv 2405.17258) without its generator: the texts are the user's own. Experimental: how much of the old
adapter arrives is said by its agreement on texts that were held out, and by the scores of both sides.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from workers.computing import Report
from workers.derivations.settled import device_of
from workers.evaluation.base import Base
from workers.evaluation.batching import Batching, run_in_batches
from workers.evaluation.errors import Refused
from workers.evaluation.reading import read_table
from workers.evaluation.run import repeatable
from workers.training.asked import TransferAsked
from workers.training.card import CARD_NAME, card_of
from workers.training.fitting import Trained, train
from workers.training.head import start_head
from workers.training.refusing import refusing
from workers.training.reporting import made_with, side
from workers.training.rows import Rows, encode
from workers.training.scoring import files_in, scores_of
from workers.training.sides import lora_on, write_lora
from workers.training.teacher import CLASS, Answers, ask_teacher

_FEWEST_TEXTS = 8
_BATCH_ROWS = 32


def transfer(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Distil, write the student into ``out``, and measure both sides: ``report``, ``card`` and ``made_with``.

    ``argument``: ``old_base`` and ``base`` with their paths, ``base_id``, ``source`` (files by path), ``texts`` as a
    set's argument, ``set`` (or None), ``settings``, ``threads``, ``scratch``, ``out``. Raises Refused.
    """
    asked = TransferAsked.from_argument(argument)
    device = device_of(argument)
    with repeatable(asked.threads), refusing():
        return _Transfer(asked, device, report).run()


class _Transfer:
    """One run. Only one of the two base models is in memory at a time."""

    def __init__(self, asked: TransferAsked, device: torch.device, report: Report) -> None:
        self._asked, self._device, self._report = asked, device, report

    def run(self) -> dict[str, Any]:
        asked, plan = self._asked, self._asked.plan
        columns = self._columns()
        answers = ask_teacher(
            Base(asked.old_base, self._device),
            asked.source,
            columns,
            max_tokens=plan.max_tokens,
            scratch=asked.scratch,
            report=self._within(0.0, 0.2, "asking the old adapter"),
        )
        labels = self._labels(answers)
        base = Base(asked.new_base, self._device)
        learnt, held_out = _split(len(columns[0]), asked.held_out, plan.seed)
        rows = {
            name: encode(base, [[column[place] for place in places] for column in columns], plan.max_tokens)
            for name, places in (("learnt", learnt), ("held_out", held_out or learnt))
        }
        model = base.load(CLASS, len(labels)).model
        start_head(model, rows["learnt"], answers.logits[learnt].argmax(1).numpy(), len(labels))
        judged = answers.logits[held_out or learnt]
        before = _agreement(model, rows["held_out"], judged)
        learning = lora_on(model, asked.targets or None, plan)
        trained = train(
            learning,
            rows["learnt"],
            self._loss(learning.model, answers.logits[learnt]),
            plan,
            self._within(0.2, 0.8, "training on the new base model"),
        )
        after = _agreement(learning.model, rows["held_out"], judged)
        write_lora(learning.model, asked.output, base_id=asked.argument["base_id"], labels=labels)
        report = {
            "is_experimental": True,
            "texts": len(learnt),
            "held_out_texts": len(held_out),
            "agreement_before": before,
            "agreement": after,
            **self._measured(trained),
        }
        del model, learning
        made = made_with(base, None) | {"old_base_weights_digest": answers.weights_digest}
        card = self._card(report, labels)
        (asked.output / CARD_NAME).write_text(card, encoding="utf-8")
        return {"report": report, "card": card, "made_with": made}

    def _columns(self) -> list[list[Any]]:
        asked = self._asked
        if asked.split not in asked.texts.files:
            raise Refused("split_missing", f"the set has no split {asked.split!r}")
        parts = ("text", "text_pair") if "text_pair" in asked.texts.columns else ("text",)
        table = read_table(asked.texts.files[asked.split], asked.split, asked.texts.columns, parts)
        table = table.sample(asked.plan.limit, asked.plan.seed)
        if len(table) < _FEWEST_TEXTS:
            raise Refused("texts_too_few", f"there are {len(table)} texts; at least {_FEWEST_TEXTS} are needed")
        return [table.column(part) for part in parts]

    def _labels(self, answers: Answers) -> tuple[str, ...]:
        """The adapter's own names of its answers, else the evaluation set's in its order, else numbers."""
        count = answers.logits.shape[1]
        if answers.labels is not None:
            return answers.labels
        said = (self._asked.argument.get("set") or {}).get("labels") or ()
        return tuple(said) if len(said) == count else tuple(f"label {row}" for row in range(count))

    def _loss(
        self, model: Any, logits: torch.Tensor
    ) -> Callable[[dict[str, torch.Tensor], Sequence[int]], torch.Tensor]:
        """Hinton, Vinyals, Dean 2015: KL divergence of softened answers, times the temperature squared."""
        T = self._asked.temperature
        wanted = (logits / T).softmax(dim=1)

        def loss_of(batch: dict[str, torch.Tensor], places: Sequence[int]) -> torch.Tensor:
            said = (model(**batch).logits.float() / T).log_softmax(dim=1)
            return functional.kl_div(said, wanted[list(places)].to(said.device), reduction="batchmean") * T**2

        return loss_of

    def _measured(self, trained: Trained) -> dict[str, Any]:
        """Scores of both sides where a set was named; the student's training either way."""
        asked, given = self._asked, self._asked.argument
        if not given.get("set"):
            return {"metric": None, "sides": [side("student", {"score": None, "low": None, "high": None}, trained)]}
        own = {"seed": asked.plan.seed, "max_tokens": asked.plan.max_tokens}
        on_old = {**given, "base": given["old_base"]}
        teacher = scores_of(
            on_old, {"teacher": given["source"]}, self._within(0.8, 0.9, "measuring the old adapter"), **own
        )
        subjects: dict[str, Mapping[str, str] | None] = {"student": files_in(asked.output)}
        if "train" in given["set"]["files"]:
            subjects["student_base_alone"] = None
        student = scores_of(given, subjects, self._within(0.9, 1.0, "measuring the new one"), **own)
        scores = teacher | student
        return {
            "metric": given["set"]["metric"],
            "test_rows": scores["student"]["rows"],
            "sides": [side(name, scores[name], trained if name == "student" else None) for name in scores],
        }

    def _card(self, report: Mapping[str, Any], labels: Sequence[str]) -> str:
        said = self._asked.argument
        intro = (
            f"What {said['parents'][0]} answers on {said['old_base_id']}, learnt by a LoRA of rank "
            f"{self._asked.plan.rank} on {said['base_id']} from {report['texts']} texts of {said['text_name']} "
            f"(after Trans-LoRA, arXiv 2405.17258). On {report['held_out_texts']} texts that were held out both give "
            f"the same answer in {report['agreement']:.1%} of cases."
        )
        return card_of(
            said["title"],
            base_id=said["base_id"],
            labels=labels,
            parents=said["parents"],
            intro=intro,
            report=report,
            is_experimental=True,
        )

    def _within(self, start: float, end: float, note: str) -> Callable[[float], None]:
        return lambda share: self._report(start + (end - start) * min(share, 1.0), note)


def _split(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Places to learn from and places that are held out, drawn by ``seed``, each in the order of the file."""
    places = list(range(count))
    random.Random(seed).shuffle(places)
    cut = round(count * share)
    return sorted(places[cut:]), sorted(places[:cut])


def _agreement(model: Any, rows: Rows, logits: torch.Tensor) -> float:
    """The share of texts to which ``model`` gives the answer of ``logits``."""
    said = run_in_batches(
        rows.encoded,
        rows.tokenizer,
        lambda batch: model(**batch).logits,
        used=Batching(batch_size=_BATCH_ROWS, found=False),
        device=model.device,
    )
    return round(float((torch.stack(said).argmax(1) == logits.argmax(1)).double().mean()), 6)
