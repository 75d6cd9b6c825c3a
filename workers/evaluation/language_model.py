"""Causal language models through EleutherAI's lm_eval: multiple choice, likelihood of answers, and perplexity.

lm_eval gets the stitched model itself and rows whose templates are rendered already: it never sees a template, a path
or a name to look up, and nothing of a set is run as code.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evaluation.adapters import AdapterFolder
from workers.evaluation.asked import AskedSet, Settings, Subject
from workers.evaluation.base import longest_tokens
from workers.evaluation.batching import Batching, find_batch_size, halving
from workers.evaluation.errors import Refused
from workers.evaluation.harnesses import Bench, Measured
from workers.evaluation.intervals import Statistic, intervals
from workers.evaluation.language_rows import Prepared, prepare
from workers.evaluation.metrics import check_metric, metric
from workers.evaluation.subjects import laid_out, wearing
from workers.evaluation.texts import Texts

CLASS = "AutoModelForCausalLM"
TASK = "hub"
_DECIMALS = 4  # of a log-likelihood: the last bits depend on the batch and the machine
METRICS: Mapping[str, tuple[str, ...]] = {
    "multiple_choice": ("acc", "acc_norm", "acc_bytes", "brier_score"),
    "loglikelihood": ("acc", "perplexity"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}
_LOWER_IS_BETTER = frozenset({"brier_score", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"})
Numbers = NDArray[np.float64]


class LanguageModel:
    """Split ``test``, and ``train`` where examples are shown. What a row is, its options say: see language_rows."""

    packages = ("lm_eval", "datasets", "jinja2")

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.prepared = prepare(bench.asked.set, kind_of(bench.asked.set))
        self.texts = Texts(bench.base)

    def measure(self, subject: Subject) -> Measured:
        """Run lm_eval on the base with the subject's adapter on it, or on the base alone."""
        if subject.files is None:
            return self._measure(subject, self._loaded(), None)
        with laid_out(subject.files, self.bench.asked.scratch) as folder:
            adapter = AdapterFolder.read(folder)
            if adapter.class_name != CLASS:
                raise Refused(
                    "harness_mismatch",
                    f"the adapter was made on {adapter.class_name}, and this set is for causal language models",
                    "Measure it on a set of its own task.",
                )
            with wearing(self._loaded(), folder) as model:
                return self._measure(subject, model, adapter.tokenizer_folder)

    def _loaded(self) -> Any:
        return self.bench.base.load_writer(CLASS)

    def _measure(self, subject: Subject, model: Any, own_tokenizer: Path | None) -> Measured:
        settings = subject.settings
        tokenizer, whose = self.texts.tokenizer(own_tokenizer)
        prepared = self.prepared.sample(settings.limit, settings.seed)
        measured = run_lm_eval(model, tokenizer, prepared, settings, self.bench.report)
        measured.used["tokenizer"] = whose
        return measured


def kind_of(asked: AskedSet) -> str:
    """The set's output type. Raises Refused ``harness_missing``, ``option_invalid`` or ``metric_unknown``."""
    if importlib.util.find_spec("lm_eval") is None:
        raise Refused(
            "harness_missing",
            "this worker has no lm_eval, which measures language models",
            "Whoever runs the hub installs requirements/lm.txt on the workers.",
        )
    kind = asked.options.get("output_type", "multiple_choice")
    if kind not in METRICS:
        raise Refused("option_invalid", f"output_type {kind!r} is none of {', '.join(METRICS)}")
    check_metric(asked.metric, METRICS[kind])
    return str(kind)


def run_lm_eval(
    model: Any, tokenizer: Any, prepared: Prepared, settings: Settings, report: Callable[[float], None]
) -> Measured:
    """Run lm_eval on ``model``, a PeftModel or the base itself, and take its answers apart."""
    samples, results, used = _ran(model, tokenizer, prepared, settings, report)
    values = {name: float(results[f"{name},none"]) for name in METRICS[prepared.kind]}
    answers = _ANSWERS[prepared.kind](samples, prepared)
    bounds = intervals(answers.statistics, len(samples), settings.seed)
    return Measured(
        metrics={name: metric(value, bounds[name], name) | _direction(name) for name, value in values.items()},
        predictions=answers.columns,
        used=used,
    )


def choice_likelihoods(
    model: Any, tokenizer: Any, prepared: Prepared, settings: Settings
) -> tuple[list[list[float]], dict[str, Any]]:
    """The log-likelihood of every choice of every row of multiple choice, and how the rows were run."""
    samples, _, used = _ran(model, tokenizer, prepared, settings, lambda share: None)
    return [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples], used


def _ran(
    model: Any, tokenizer: Any, prepared: Prepared, settings: Settings, report: Callable[[float], None]
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """lm_eval's samples in the order of the rows, its results, and how it was done."""
    longest = longest_tokens(tokenizer, model.config, settings.max_tokens)
    size = settings.batch_size or find_batch_size(prepared.longest_row(tokenizer, longest), model.config, model.device)
    used = Batching(size, found=settings.batch_size is None)
    said: dict[str, Any] = {}

    def work(batch_size: int) -> None:
        try:
            said.update(_evaluate(model, tokenizer, prepared, settings.seed, longest, batch_size, report))
        except AssertionError as error:
            # lm_eval's own check of each row.
            raise Refused(
                "rows_malformed",
                f"a row's answer has no token, or more than the {longest} that this model reads",
                "Ask for more `max_tokens`, or use a set with shorter answers.",
            ) from error

    halving(work, size, used)
    samples = sorted(said["samples"][TASK], key=lambda sample: sample["doc_id"])
    how = {"max_tokens": longest, "num_fewshot": prepared.num_fewshot, "rows": len(samples)}
    return samples, said["results"][TASK], used.as_used() | how


def _direction(name: str) -> dict[str, bool]:
    return {"higher_is_better": name not in _LOWER_IS_BETTER}


def _evaluate(
    model: Any,
    tokenizer: Any,
    prepared: Prepared,
    seed: int,
    longest: int,
    batch_size: int,
    report: Callable[[float], None],
) -> dict[str, Any]:
    with _quiet():
        from lm_eval.evaluator import evaluate

        from workers.evaluation.lm_eval_objects import reporting_model, task_of

        _seed(seed)
        task = task_of(prepared, TASK, METRICS[prepared.kind], seed)
        with _never_tied(model):
            lm = reporting_model(
                report,
                expected=prepared.expected_requests,
                pretrained=model,
                tokenizer=tokenizer,
                backend="causal",
                batch_size=batch_size,
                max_length=longest,
            )
        said = evaluate(lm, {"tasks": {TASK: task}, "groups": {}}, bootstrap_iters=0, log_samples=True)
    return dict(said)


@contextlib.contextmanager
def _never_tied(model: Any) -> Iterator[None]:
    """lm_eval ties weights of what it is given; ours is checked bit for bit, and may bring a head of its own."""
    model.tie_weights = lambda *args, **kwargs: None
    try:
        yield
    finally:
        del model.tie_weights


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """lm_eval prints progress bars and advice; a worker's log needs neither."""
    log = logging.getLogger("lm_eval")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        log.setLevel(before)


def _seed(seed: int) -> None:
    import random

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@dataclass(frozen=True)
class _Answers:
    columns: dict[str, list[Any]]
    statistics: dict[str, Statistic]


def _choices(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> _Answers:
    """The likelihood of every choice; the answer is the most likely one, by the set's own metric."""
    likelihoods = [np.array([float(answer[0]) for answer in sample["filtered_resps"]]) for sample in samples]
    targets = [int(sample["target"]) for sample in samples]
    lengths = {"acc_norm": _characters, "acc_bytes": _bytes}.get(prepared.metric)
    answers = []
    for sample, found in zip(samples, likelihoods, strict=True):
        divisors = lengths(sample["doc"]["choices"]) if lengths else 1.0
        answers.append(int(np.argmax(found / divisors)))
    right = {name: _column(samples, name) for name in ("acc", "acc_norm", "acc_bytes")}
    squares = np.array([_brier(found, target) for found, target in zip(likelihoods, targets, strict=True)])
    shown = right.get(prepared.metric, right["acc"])
    return _Answers(
        {
            "answer": answers,
            "right": [int(value) for value in shown],
            "loglikelihoods": [[round(float(value), _DECIMALS) for value in found] for found in likelihoods],
        },
        {name: _mean_of(values) for name, values in (right | {"brier_score": squares}).items()},
    )


def _targets(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> _Answers:
    """The likelihood of the one answer, and whether greedy decoding would write it."""
    likelihoods, greedy = _first_answers(samples), _column(samples, "acc")
    return _Answers(
        {
            "answer": [int(value) for value in greedy],
            "right": [int(value) for value in greedy],
            "loglikelihoods": [round(float(value), _DECIMALS) for value in likelihoods],
        },
        {"acc": _mean_of(greedy), "perplexity": lambda weights: np.exp(-_mean_of(likelihoods)(weights))},
    )


def _rolling(samples: Sequence[Mapping[str, Any]], prepared: Prepared) -> _Answers:
    """The likelihood of whole texts; what counts as right is the probability of a byte, from 0 to 1."""
    likelihoods = np.array([float(sample["word_perplexity"][0]) for sample in samples])
    words = np.array([float(sample["word_perplexity"][1]) for sample in samples])
    octets = np.array([float(sample["byte_perplexity"][1]) for sample in samples])
    return _Answers(
        {
            "answer": [round(float(value), _DECIMALS) for value in likelihoods],
            "right": [round(float(value), _DECIMALS) for value in np.exp(likelihoods / octets)],
            "words": [int(value) for value in words],
            "bytes": [int(value) for value in octets],
        },
        {
            "word_perplexity": lambda weights: np.exp(-(weights @ likelihoods) / (weights @ words)),
            "byte_perplexity": lambda weights: np.exp(-(weights @ likelihoods) / (weights @ octets)),
            "bits_per_byte": lambda weights: -(weights @ likelihoods) / (weights @ octets) / np.log(2),
        },
    )


_ANSWERS: Mapping[str, Callable[[Sequence[Mapping[str, Any]], Prepared], _Answers]] = {
    "multiple_choice": _choices,
    "loglikelihood": _targets,
    "loglikelihood_rolling": _rolling,
}


def _column(samples: Sequence[Mapping[str, Any]], name: str) -> Numbers:
    return np.array([float(sample[name]) for sample in samples])


def _first_answers(samples: Sequence[Mapping[str, Any]]) -> Numbers:
    return np.array([float(sample["filtered_resps"][0][0]) for sample in samples])


def _mean_of(values: Numbers) -> Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def _brier(likelihoods: Numbers, target: int) -> float:
    shares = np.exp(likelihoods - likelihoods.max())
    shares /= shares.sum()
    shares[target] -= 1.0
    return float(np.square(shares).sum())


def _characters(choices: Sequence[str]) -> Numbers:
    return np.array([float(len(choice)) for choice in choices])


def _bytes(choices: Sequence[str]) -> Numbers:
    return np.array([float(len(choice.encode())) for choice in choices])
