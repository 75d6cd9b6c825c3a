"""Generated text: every prompt is continued greedily, and compared with what the set says it should be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from workers.evaluation.adapters import AdapterFolder, adapter_of
from workers.evaluation.asked import AskedSet, Subject
from workers.evaluation.base import Base, longest_tokens
from workers.evaluation.batching import Batching, Encoded, find_batch_size, halving, order_of, pad
from workers.evaluation.efficiency import Stopwatch
from workers.evaluation.errors import Refused
from workers.evaluation.harnesses import Bench, Measured, rounded
from workers.evaluation.metrics import check_metric
from workers.evaluation.passing import Pass
from workers.evaluation.reading import Row, read_table
from workers.evaluation.subjects import wearing
from workers.evaluation.templates import render_rows
from workers.evaluation.text_metrics import METRICS, text_metrics
from workers.evaluation.texts import Texts

CAUSAL, SEQ2SEQ = "AutoModelForCausalLM", "AutoModelForSeq2SeqLM"
OPTIONS = frozenset({"max_new_tokens", "until"})
MOST_NEW_TOKENS = 512
USUAL_NEW_TOKENS = 64
LONGEST_ANSWER = 2_000  # characters kept of one answer
_MOST_REFERENCES = 16
__all__ = ["METRICS", "Generation"]


class Generation:
    """Columns: ``reference`` (a text, or a list of them) and those that the template names, else ``prompt``."""

    packages = ("sacrebleu", "jinja2")

    def __init__(self, bench: Bench) -> None:
        asked = bench.asked.set
        check_metric(asked.metric, METRICS)
        self.bench, self.texts = bench, Texts(bench.base)
        self.new_tokens, self.until = _options(asked)
        self.prompts, self.references = _read(asked)
        self.class_name = _class_of(bench.base.folder)

    def measure(self, subject: Subject) -> Measured:
        """Generate with the base and the subject's adapter on it, or the base alone, and compare."""
        base = self.bench.base
        if subject.files is None:
            run = self._pass(subject, None, base)
            model = base.load_writer(self.class_name)
            watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
            measured = self._measure(subject, run, model)
            with padding_of(run.tokenizer, model):
                watch.time_base(writing(model, run.tokenizer, self.new_tokens), base)
            measured.efficiency = watch.efficiency(None)
            return measured
        with adapter_of(subject, self.bench.asked.scratch) as adapter:
            if adapter.class_name != self.class_name:
                raise Refused(
                    "harness_mismatch",
                    f"the adapter was made on {adapter.class_name}; text of this base comes from {self.class_name}",
                    "Measure it on a set of its own task.",
                )
            return self._with(subject, adapter)

    def _with(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        base = self.bench.base
        run = self._pass(subject, adapter, base)
        model = base.load_writer(self.class_name)
        watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
        watch.start()
        with padding_of(run.tokenizer, model):
            with wearing(model, adapter.folder, adapter.companion) as worn:
                watch.is_on()
                measured = self._measure(subject, run, worn)
                watch.time_adapter(writing(worn, run.tokenizer, self.new_tokens), worn)
            watch.time_base(writing(model, run.tokenizer, self.new_tokens), base)
        measured.efficiency = watch.efficiency(adapter)
        return measured

    def _pass(self, subject: Subject, adapter: AdapterFolder | None, base: Base) -> Pass:
        """The prompts on their way; a tokenizer that is missing is found before any weights are loaded."""
        settings = subject.settings
        tokenizer, whose = self.texts.tokenizer(adapter.tokenizer_folder if adapter else None)
        config = base.load_writer(self.class_name).config
        room = longest_tokens(tokenizer, config, settings.max_tokens, adapter.virtual_tokens if adapter else 0)
        longest = room if self.class_name == SEQ2SEQ else room - self.new_tokens
        if longest < 1:
            raise Refused(
                "option_invalid",
                f"max_new_tokens is {self.new_tokens}, and the model has room for {room} tokens in all",
                "Ask for fewer new tokens, or more `max_tokens`.",
            )
        prompts = [self.prompts[row] for row in self._rows(subject)]
        encoded = encode(tokenizer, prompts, longest, keeps_end=self.class_name == CAUSAL)
        most = max(len(row["input_ids"]) for row in encoded) + self.new_tokens
        size = settings.batch_size or find_batch_size(most, config, base.device)
        return Pass(encoded, tokenizer, Batching(size, found=settings.batch_size is None), base.device, room, whose)

    def _rows(self, subject: Subject) -> list[int]:
        return _drawn(len(self.prompts), subject.settings.limit, subject.settings.seed)

    def _measure(self, subject: Subject, run: Pass, model: Any) -> Measured:
        rows, settings = self._rows(subject), subject.settings
        answers = [_cut(text, self.until) for text in generate(model, run, self.new_tokens, self.bench.report)]
        metrics, right = text_metrics(
            answers, [self.references[row] for row in rows], self.bench.asked.set.metric, settings.seed
        )
        predictions: dict[str, list[Any]] = {
            "answer": [answer[:LONGEST_ANSWER] for answer in answers],
            "right": rounded(right),
        }
        if settings.limit is not None:
            predictions["row"] = rows
        return Measured(metrics, predictions, run.as_used() | {"max_new_tokens": self.new_tokens})


def encode(tokenizer: Any, prompts: Sequence[str], longest: int, *, keeps_end: bool) -> list[Encoded]:
    """Token ids of every prompt, at most ``longest``; of a text to continue the end is kept, else the beginning."""
    before = tokenizer.truncation_side
    tokenizer.truncation_side = "left" if keeps_end else "right"
    try:
        found = tokenizer(list(prompts), truncation=True, max_length=longest)
    finally:
        tokenizer.truncation_side = before
    rows = []
    for ids, mask in zip(found["input_ids"], found["attention_mask"], strict=True):
        # Nothing at all cannot be continued.
        first = [] if ids else [_first_token(tokenizer)]
        rows.append({"input_ids": first + ids, "attention_mask": [1] * len(first) + mask})
    return rows


def _first_token(tokenizer: Any) -> int:
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if token is not None:
            return int(token)
    return 0


def writing(model: Any, tokenizer: Any, new_tokens: int) -> Callable[[dict[str, torch.Tensor]], torch.Tensor]:
    """What ``model`` writes after each row of a batch, greedily, as token ids."""
    from transformers import GenerationConfig

    # The base's own generation config may sample, punish repetition or suppress tokens; only its special tokens stay.
    own = getattr(model, "generation_config", None)
    special = {
        name: getattr(own, name, None)
        for name in ("bos_token_id", "eos_token_id", "decoder_start_token_id")
        if getattr(own, name, None) is not None
    }
    greedy = GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=new_tokens, pad_token_id=tokenizer.pad_token_id, **special
    )
    is_seq2seq = bool(model.config.is_encoder_decoder)

    def forward(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        written: torch.Tensor = model.generate(**batch, generation_config=greedy)
        return written if is_seq2seq else written[:, batch["input_ids"].shape[1] :]

    return forward


def generate(model: Any, run: Pass, new_tokens: int, report: Callable[[float], None]) -> list[str]:
    """What ``model`` writes after every prompt, in the order of ``run``."""
    order, tokenizer = order_of([len(row["input_ids"]) for row in run.rows]), run.tokenizer
    forward = writing(model, tokenizer, new_tokens)
    texts: list[str] = [""] * len(run.rows)

    def work(batch_size: int) -> None:
        start = perf_counter()
        with torch.inference_mode(), padding_of(tokenizer, model):
            for first in range(0, len(order), batch_size):
                places = order[first : first + batch_size]
                answers = forward(pad([run.rows[place] for place in places], tokenizer, run.device))
                for place, text in zip(places, tokenizer.batch_decode(answers, skip_special_tokens=True), strict=True):
                    texts[place] = text
                report(min(1.0, (first + batch_size) / len(order)))
        run.used.seconds, run.used.rows = perf_counter() - start, len(order)

    halving(work, run.used.batch_size, run.used)
    return texts


@contextmanager
def padding_of(tokenizer: Any, model: Any) -> Iterator[None]:
    """A text that is continued stands at the end of its row; one that is read and answered, at the beginning."""
    before = tokenizer.padding_side
    tokenizer.padding_side = "right" if model.config.is_encoder_decoder else "left"
    try:
        yield
    finally:
        tokenizer.padding_side = before


def _options(asked: AskedSet) -> tuple[int, list[str]]:
    if unknown := sorted(set(asked.options) - OPTIONS):
        raise Refused(
            "option_invalid", f"a set of generation has no option {unknown[0]!r}", f"It has {sorted(OPTIONS)}."
        )
    count = asked.options.get("max_new_tokens", USUAL_NEW_TOKENS)
    if not isinstance(count, int) or not 1 <= count <= MOST_NEW_TOKENS:
        raise Refused("option_invalid", f"max_new_tokens is a number from 1 to {MOST_NEW_TOKENS}; received {count!r}")
    until = asked.options.get("until", [])
    if not isinstance(until, list) or not all(isinstance(text, str) and text for text in until):
        raise Refused("option_invalid", f"until is a list of texts; received {until!r:.80}")
    return count, until


def _read(asked: AskedSet) -> tuple[list[str], list[list[str]]]:
    """Prompts and references of the split ``test``. Raises Refused."""
    if "test" not in asked.files:
        raise Refused("set_empty", "the set has no split 'test'", "Measured is the split `test`.")
    if asked.template:
        from workers.evaluation.reading import read_rows

        table = read_table(asked.files["test"], "test", asked.columns, ("reference",))
        prompts = render_rows(asked.template, read_rows(asked.files["test"], "test"))
    else:
        table = read_table(asked.files["test"], "test", asked.columns, ("reference", "prompt"))
        prompts = [str(row["prompt"]) for row in table.rows]
    return prompts, [_references(row, number) for number, row in enumerate(table.rows)]


def _references(row: Row, number: int) -> list[str]:
    said = row["reference"]
    found = [str(one) for one in said] if isinstance(said, list) else [str(said)]
    if not 1 <= len(found) <= _MOST_REFERENCES:
        raise Refused(
            "rows_malformed", f"row {number} has {len(found)} references; 1 to {_MOST_REFERENCES} are compared"
        )
    return found


def _class_of(folder: Path) -> str:
    """Which class writes text: told by the base's own config. Raises Refused ``harness_mismatch``."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    )

    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise Refused("base_weights_missing", f"the base model's config cannot be read: {error}"[:1000]) from error
    if config.is_encoder_decoder and type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return SEQ2SEQ
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return CAUSAL
    raise Refused(
        "harness_mismatch", f"a {config.model_type} writes no text", "Choose a set for classification or embeddings."
    )


def _drawn(count: int, limit: int | None, seed: int) -> list[int]:
    import random

    everything = range(count)
    return (
        list(everything) if limit is None or limit >= count else sorted(random.Random(seed).sample(everything, limit))
    )


def _cut(text: str, until: Sequence[str]) -> str:
    """The text before the first of ``until``."""
    return text[: min((place for stop in until if (place := text.find(stop)) >= 0), default=len(text))]
