"""Causal language models through EleutherAI's lm_eval: multiple choice, likelihood of answers, and perplexity.

lm_eval gets the stitched model itself and rows whose templates are rendered already: it never sees a template, a path
or a name to look up, and nothing of a set is run as code.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch

from workers.evaluation.adapters import AdapterFolder, adapter_of
from workers.evaluation.asked import AskedSet, Settings, Subject
from workers.evaluation.base import longest_tokens
from workers.evaluation.batching import Batching, find_batch_size, halving
from workers.evaluation.efficiency import Stopwatch
from workers.evaluation.errors import Refused
from workers.evaluation.harnesses import Bench, Measured
from workers.evaluation.intervals import intervals
from workers.evaluation.language_answers import ANSWERS
from workers.evaluation.language_costs import reading, stopwatch_of
from workers.evaluation.language_rows import Prepared, prepare
from workers.evaluation.metrics import check_metric, metric
from workers.evaluation.subjects import wearing
from workers.evaluation.texts import Texts

CLASS = "AutoModelForCausalLM"
TASK = "hub"
METRICS: Mapping[str, tuple[str, ...]] = {
    "multiple_choice": ("acc", "acc_norm", "acc_bytes", "brier_score"),
    "loglikelihood": ("acc", "perplexity"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}
_LOWER_IS_BETTER = frozenset({"brier_score", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"})


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
            return self._alone(subject)
        with adapter_of(subject, self.bench.asked.scratch) as adapter:
            if adapter.class_name != CLASS:
                raise Refused(
                    "harness_mismatch",
                    f"the adapter was made on {adapter.class_name}, and this set is for causal language models",
                    "Measure it on a set of its own task.",
                )
            return self._with(subject, adapter)

    def _alone(self, subject: Subject) -> Measured:
        ready = self._ready(subject, None)
        measured = self._measure(subject, ready, ready.model)
        ready.watch.time_base(reading(ready.model), self.bench.base)
        measured.efficiency = ready.watch.efficiency(None)
        return measured

    def _with(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        ready = self._ready(subject, adapter)
        ready.watch.start()
        with wearing(ready.model, adapter.folder, adapter.companion) as worn:
            ready.watch.is_on()
            measured = self._measure(subject, ready, worn)
            ready.watch.time_adapter(reading(worn), worn)
        ready.watch.time_base(reading(ready.model), self.bench.base)
        measured.efficiency = ready.watch.efficiency(adapter)
        return measured

    def _ready(self, subject: Subject, adapter: AdapterFolder | None) -> _Ready:
        settings, base = subject.settings, self.bench.base
        # Before any weights are loaded: there may be none.
        tokenizer, whose = self.texts.tokenizer(adapter.tokenizer_folder if adapter else None)
        model = base.load_writer(CLASS)
        prepared = self.prepared.sample(settings.limit, settings.seed)
        used, longest = batching_of(model, tokenizer, prepared, settings)
        watch = stopwatch_of(
            prepared,
            tokenizer,
            used,
            longest=longest,
            whose=whose,
            device=base.device,
            is_wanted=settings.efficiency,
        )
        return _Ready(model, tokenizer, whose, prepared, used, watch)

    def _measure(self, subject: Subject, ready: _Ready, model: Any) -> Measured:
        settings = subject.settings
        measured = run_lm_eval(model, ready.tokenizer, ready.prepared, settings, self.bench.report, used=ready.used)
        measured.used["tokenizer"] = ready.whose
        if settings.limit is not None:
            measured.predictions["row"] = list(ready.prepared.numbers)
        return measured


@dataclass(frozen=True)
class _Ready:
    """The base's model and all that one subject's rows need."""

    model: Any
    tokenizer: Any
    whose: str
    prepared: Prepared
    used: Batching
    watch: Stopwatch


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


def batching_of(model: Any, tokenizer: Any, prepared: Prepared, settings: Settings) -> tuple[Batching, int]:
    """How the rows are batched, and how many tokens of one are read."""
    longest = longest_tokens(tokenizer, model.config, settings.max_tokens)
    size = settings.batch_size or find_batch_size(prepared.longest_row(tokenizer, longest), model.config, model.device)
    return Batching(size, found=settings.batch_size is None), longest


def run_lm_eval(
    model: Any,
    tokenizer: Any,
    prepared: Prepared,
    settings: Settings,
    report: Callable[[float], None],
    *,
    used: Batching,
) -> Measured:
    """Run lm_eval on ``model``, a PeftModel or the base itself, and take its answers apart."""
    samples, results, how = _ran(model, tokenizer, prepared, settings, report, used)
    values = {name: float(results[f"{name},none"]) for name in METRICS[prepared.kind]}
    answers = ANSWERS[prepared.kind](samples, prepared)
    bounds = intervals(answers.statistics, len(samples), settings.seed)
    return Measured(
        metrics={name: metric(value, bounds[name], name) | _direction(name) for name, value in values.items()},
        predictions=answers.columns,
        used=how,
    )


def choice_likelihoods(
    model: Any, tokenizer: Any, prepared: Prepared, settings: Settings
) -> tuple[list[list[float]], dict[str, Any]]:
    """The log-likelihood of every choice of every row of multiple choice, and how the rows were run."""
    used, _ = batching_of(model, tokenizer, prepared, settings)
    samples, _, how = _ran(model, tokenizer, prepared, settings, lambda share: None, used)
    return [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples], how


def _ran(
    model: Any,
    tokenizer: Any,
    prepared: Prepared,
    settings: Settings,
    report: Callable[[float], None],
    used: Batching,
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """lm_eval's samples in the order of the rows, its results, and how it was done."""
    longest = longest_tokens(tokenizer, model.config, settings.max_tokens)
    said: dict[str, Any] = {}

    def work(batch_size: int) -> None:
        start = perf_counter()
        try:
            said.update(_evaluate(model, tokenizer, prepared, settings.seed, longest, batch_size, report))
        except AssertionError as error:
            # lm_eval's own check of each row.
            raise Refused(
                "rows_malformed",
                f"a row's answer has no token, or more than the {longest} that this model reads",
                "Ask for more `max_tokens`, or use a set with shorter answers.",
            ) from error
        used.seconds, used.rows = perf_counter() - start, len(prepared.rows)

    halving(work, used.batch_size, used)
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
