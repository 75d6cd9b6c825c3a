"""Embeddings: how well a model's vectors rank documents for queries, or agree with people about likeness."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evaluation.adapters import AdapterFolder, adapter_of, read_object
from workers.evaluation.asked import Subject
from workers.evaluation.correlation import CORRELATIONS, agreement, correlation_metrics
from workers.evaluation.efficiency import Stopwatch
from workers.evaluation.errors import Refused
from workers.evaluation.features import mean_features
from workers.evaluation.harnesses import Bench, Measured, rounded
from workers.evaluation.intervals import intervals
from workers.evaluation.metrics import check_metric, metric
from workers.evaluation.passing import Pass, make_pass
from workers.evaluation.ranking import RETRIEVAL, query_metrics, ranked
from workers.evaluation.reading import Table, read_table
from workers.evaluation.subjects import wearing
from workers.evaluation.texts import Texts
from workers.evaluation.tokens import words_of

Numbers = NDArray[np.float64]
POOLINGS = ("mean", "cls", "last")


class Embedder(ABC):
    """Embeds some columns of texts with each subject. Options: ``pooling`` (mean, cls, last), ``normalize``."""

    packages: tuple[str, ...] = ()
    metrics: tuple[str, ...]

    def __init__(self, bench: Bench) -> None:
        check_metric(bench.asked.set.metric, self.metrics)
        self._bench, self._base, self._set = bench, bench.base, bench.asked.set
        self._pooling = str(self._set.options.get("pooling") or pooling_of(self._base.folder))
        if self._pooling not in POOLINGS:
            raise Refused("option_unknown", f"no pooling {self._pooling!r}", f"One of {', '.join(POOLINGS)}.")
        self._texts = Texts(bench.base)
        self._read()

    @abstractmethod
    def _read(self) -> None:
        """Read and check the splits."""

    @abstractmethod
    def _columns(self, subject: Subject) -> dict[str, list[str]]:
        """Texts to embed, by a name that stands for always the same texts."""

    @abstractmethod
    def _score(self, subject: Subject, vectors: list[Numbers]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Metrics and predictions of the columns' vectors, in their order."""

    def measure(self, subject: Subject) -> Measured:
        if subject.files is None:
            return self._embedded(subject, None)
        with adapter_of(subject, self._bench.asked.scratch) as adapter:
            return self._embedded(subject, adapter)

    def _embedded(self, subject: Subject, adapter: AdapterFolder | None) -> Measured:
        loaded = self._base.load(adapter.class_name if adapter else "AutoModel", adapter.head_rows if adapter else None)
        model = loaded.model
        runs = [self._pass(name, texts, subject, adapter, model) for name, texts in self._columns(subject).items()]
        watch = Stopwatch(runs[0], is_wanted=subject.settings.efficiency)
        if adapter is None:
            vectors = [self._vectors(run, model) for run in runs]
        else:
            watch.start()
            with wearing(model, adapter.folder, adapter.companion) as worn:
                watch.is_on()
                vectors = [self._vectors(run, worn) for run in runs]
                watch.time_adapter(mean_features(worn, self._pooling), worn)
        watch.time_base(mean_features(model, self._pooling), self._base)
        metrics, predictions = self._score(subject, vectors)
        used = runs[0].as_used() | {"pooling": self._pooling, "batch_size": min(run.used.batch_size for run in runs)}
        return Measured(metrics, predictions, used, watch.efficiency(adapter))

    def _pass(self, name: str, texts: list[str], subject: Subject, adapter: AdapterFolder | None, model: Any) -> Pass:
        return make_pass(self._texts, name, [texts], settings=subject.settings, adapter=adapter, model=model)

    def _vectors(self, run: Pass, model: Any) -> Numbers:
        vectors = torch.stack(run.run(mean_features(model, self._pooling), self._bench.report)).double().numpy()
        if self._set.options.get("normalize", True):
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        found: Numbers = vectors
        return found


class Retrieval(Embedder):
    """Splits ``queries`` (``query``, ``relevant``) and ``corpus`` (``document``, ``document_id``).

    ``relevant`` is an id, a list of ids (in CSV with spaces between), or {id: grade}. Options besides:
    ``query_prefix``, ``document_prefix``. Predictions: ``answer`` (the first document's id), ``rank`` (of the first
    relevant one) and ``right`` (the set's own metric of this query).
    """

    metrics = RETRIEVAL

    def _read(self) -> None:
        files, columns = self._set.files, self._set.columns
        for split in ("queries", "corpus"):
            if split not in files:
                raise Refused("set_empty", f"the set has no split {split!r}")
        self._queries = read_table(files["queries"], "queries", columns, ("query", "relevant"))
        self._corpus = read_table(files["corpus"], "corpus", columns, ("document", "document_id"))
        self._ids = [str(name) for name in self._corpus.column("document_id")]
        places = {name: place for place, name in enumerate(self._ids)}
        if len(places) < len(self._ids):
            raise Refused("rows_malformed", "a document_id of the corpus occurs twice")
        self._grades = [_grades(row["relevant"], places, number) for number, row in enumerate(self._queries.rows)]

    def _columns(self, subject: Subject) -> dict[str, list[str]]:
        settings, options = subject.settings, self._set.options
        queries = [str(options.get("query_prefix") or "") + str(text) for text in self._asked(subject).column("query")]
        documents = [str(options.get("document_prefix") or "") + str(text) for text in self._corpus.column("document")]
        return {f"queries/{settings.limit}/{settings.seed}": queries, "corpus": documents}

    def _asked(self, subject: Subject) -> Table:
        return self._queries.sample(subject.settings.limit, subject.settings.seed)

    def _score(self, subject: Subject, vectors: list[Numbers]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        queries, seed = self._asked(subject), subject.settings.seed
        orders = ranked(vectors[0] @ vectors[1].T)
        grades = [self._grades[number] for number in queries.numbers]
        each = [query_metrics(order.tolist(), own) for order, own in zip(orders, grades, strict=True)]
        values = {name: np.array([own[name] for own in each]) for name in self.metrics}
        means = {name: _mean_of(numbers) for name, numbers in values.items()}
        bounds = intervals(means, len(queries), seed)
        predictions: dict[str, list[Any]] = {
            "answer": [self._ids[order[0]] for order in orders],
            "right": rounded(values[self._set.metric]),
            "rank": [_first_rank(order, own) for order, own in zip(orders, grades, strict=True)],
        }
        if subject.settings.limit is not None:
            predictions["row"] = list(queries.numbers)
        return {name: metric(numbers.mean(), bounds[name], name) for name, numbers in values.items()}, predictions


class Similarity(Embedder):
    """Split ``test`` with ``text``, ``text_pair`` and ``score``: how alike people find them, on any scale.

    Predictions: ``answer`` (the cosine) and ``right`` (1 where its rank is that of the score, 0 at the other end).
    """

    metrics = CORRELATIONS

    def _read(self) -> None:
        if "test" not in self._set.files:
            raise Refused("set_empty", "the set has no split `test`, which is what is measured")
        self._pairs = read_table(self._set.files["test"], "test", self._set.columns, ("text", "text_pair", "score"))
        for number, score in enumerate(self._pairs.column("score")):
            try:
                is_number = bool(np.isfinite(float(score)))
            except (TypeError, ValueError):
                is_number = False
            if not is_number:
                raise Refused("rows_malformed", f"row {number} of split 'test' has the score {str(score)[:80]!r}")

    def _columns(self, subject: Subject) -> dict[str, list[str]]:
        pairs, settings = self._asked(subject), subject.settings
        return {
            f"{part}/{settings.limit}/{settings.seed}": [str(text) for text in pairs.column(part)]
            for part in ("text", "text_pair")
        }

    def _asked(self, subject: Subject) -> Table:
        return self._pairs.sample(subject.settings.limit, subject.settings.seed)

    def _score(self, subject: Subject, vectors: list[Numbers]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        pairs = self._asked(subject)
        wanted = np.array([float(score) for score in pairs.column("score")])
        found = (vectors[0] * vectors[1]).sum(axis=1)
        predictions: dict[str, list[Any]] = {"answer": rounded(found), "right": rounded(agreement(found, wanted))}
        if subject.settings.limit is not None:
            predictions["row"] = list(pairs.numbers)
        return correlation_metrics(found, wanted, subject.settings.seed), predictions


def pooling_of(folder: Path) -> str:
    """What the base's own folder says of its pooling, as sentence-transformers writes it; else the mean."""
    said = read_object(folder / "1_Pooling" / "config.json") or {}
    if said.get("pooling_mode_cls_token"):
        return "cls"
    return "last" if said.get("pooling_mode_lasttoken") else "mean"


def _mean_of(numbers: Numbers) -> Any:
    return lambda weights: weights @ numbers / weights.sum(axis=1)


def _grades(relevant: Any, places: dict[str, int], number: int) -> dict[int, float]:
    graded = relevant if isinstance(relevant, dict) else dict.fromkeys(map(str, words_of(relevant)), 1.0)
    try:
        found = {places[str(name)]: float(grade) for name, grade in graded.items() if float(grade) > 0}
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            "rows_malformed", f"row {number} of split 'queries' names {error}, which the corpus has not"
        ) from error
    if not found:
        raise Refused("rows_malformed", f"row {number} of split 'queries' names no relevant document")
    return found


def _first_rank(order: Sequence[int], grades: dict[int, float]) -> int:
    return next(place for place, document in enumerate(order, start=1) if document in grades)
