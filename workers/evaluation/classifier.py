"""What classifiers of texts and of words share: the adapter's head, a probe, or a head on the base alone."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.adapters import AdapterFolder, adapter_of, read_object
from workers.evaluation.analysis import ROWS, analyse, scored
from workers.evaluation.asked import Subject
from workers.evaluation.baseline import gaussian_probabilities
from workers.evaluation.batching import Forward
from workers.evaluation.efficiency import Stopwatch
from workers.evaluation.errors import Refused
from workers.evaluation.harnesses import Bench, Measured
from workers.evaluation.heads import Indices, Numbers, softmax
from workers.evaluation.labels import label_positions, labels_of, names_in
from workers.evaluation.metrics import check_metric
from workers.evaluation.passing import Pass
from workers.evaluation.probe import check_probe, probed
from workers.evaluation.reading import Table, read_table
from workers.evaluation.subjects import wearing
from workers.evaluation.texts import Texts

SPLITS = ("test", "train")
Metrics = dict[str, dict[str, Any]]
Truths = NDArray[np.bool_]


class Classifier(ABC):
    """Gives one label to each unit, a text or a word. Splits: ``test``, and ``train`` for heads."""

    packages: tuple[str, ...] = ()
    class_name: str
    metrics: tuple[str, ...]

    def __init__(self, bench: Bench) -> None:
        asked = bench.asked.set
        check_metric(asked.metric, self.metrics)
        self._bench, self._base, self._metric = bench, bench.base, asked.metric
        if "test" not in asked.files:
            raise Refused("set_empty", "the set has no split `test`, which is what is measured")
        parts = self._parts(asked.columns)
        found = [split for split in SPLITS if split in asked.files]
        self._tables = {split: read_table(asked.files[split], split, asked.columns, parts) for split in found}
        self._labels = labels_of(asked.labels, [self._named(table) for table in self._tables.values()])
        for table in self._tables.values():
            self._truth_of(table)
        self._texts = Texts(bench.base)

    @abstractmethod
    def _parts(self, columns: Any) -> tuple[str, ...]:
        """The parts that every row must have."""

    @abstractmethod
    def _named(self, table: Table) -> list[Any]:
        """The label of every unit, as the rows name it."""

    @abstractmethod
    def _truth_of(self, table: Table) -> Indices:
        """The number of every unit's label. Raises Refused ``labels_do_not_fit``."""

    @abstractmethod
    def _make_pass(self, name: str, table: Table, subject: Subject, adapter: AdapterFolder | None, model: Any) -> Pass:
        """The table's rows on their way through ``model``."""

    @abstractmethod
    def _of_head(self, model: Any) -> Forward:
        """What ``model``'s head says of every unit of a row."""

    @abstractmethod
    def _of_body(self, model: Any) -> Forward:
        """The features of every unit of a row."""

    @abstractmethod
    def _units(self, run: Pass, given: list[Any]) -> tuple[Numbers, Truths]:
        """Vectors `(units that were read, n)`, and which of all units were read."""

    @abstractmethod
    def _score(
        self, table: Table, truth: Indices, probabilities: Numbers, seed: int
    ) -> tuple[Metrics, dict[str, list[Any]]]:
        """Metrics and predictions; ``probabilities`` are of every unit, all zero for one that was cut off."""

    def measure(self, subject: Subject) -> Measured:
        if subject.files is None:
            return self._alone(subject)
        with adapter_of(subject, self._bench.asked.scratch) as adapter:
            if adapter.head_rows is not None or self._base.head_rows == len(self._labels):
                return self._by_head(subject, adapter)
            check_probe(subject.settings.with_probe, "train" in self._tables)
            return self._by_probe(subject, adapter)

    def _by_head(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        rows = adapter.head_rows or len(self._labels)
        names = adapter.label_names() or (None if adapter.head_rows else self._names_of_base())
        positions, order = label_positions(names, rows, self._labels)
        model = self._base.load(self.class_name, rows).model
        run = self._pass("test", subject, adapter, model)
        watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
        watch.start()
        with wearing(model, adapter.folder, adapter.companion) as worn:
            watch.is_on()
            logits, is_read = self._units(run, run.run(self._of_head(worn), self._bench.report))
            watch.time_adapter(self._of_head(worn), worn)
            inside = self._analysed(subject, run, worn, positions) if subject.settings.analysis else {}
        watch.time_base(self._of_head(model), self._base)
        used = {"head": "adapter" if adapter.head_rows else "base", "label_order": order}
        probabilities = _spread(softmax(logits[:, positions]), is_read)
        return self._measured(subject, probabilities, run, used, watch.efficiency(adapter) | inside)

    def _by_probe(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        model = self._base.load(adapter.class_name).model
        runs = {split: self._pass(split, subject, adapter, model) for split in SPLITS}
        watch = Stopwatch(runs["test"], is_wanted=subject.settings.efficiency)
        watch.start()
        with wearing(model, adapter.folder, adapter.companion) as worn:
            watch.is_on()
            train, test = (self._features(runs[split], worn) for split in ("train", "test"))
            watch.time_adapter(self._of_body(worn), worn)
        watch.time_base(self._of_body(model), self._base)
        probabilities, used = self._probed(subject, train, test)
        return self._measured(subject, probabilities, runs["test"], used, watch.efficiency(adapter))

    def _alone(self, subject: Subject) -> Measured:
        """The base model by its own head, or by a head trained on its features; and the Gaussian baseline."""
        loaded = self._base.load(self.class_name, len(self._labels))
        names = self._names_of_base()
        is_own = loaded.has_head and (names is None or {*names} == {*self._labels})
        if not is_own and "train" not in self._tables:
            raise Refused(
                "no_head",
                "the base model has no head for these labels, and the set no split `train` to train one on",
                "Add a split `train` in a new revision of the set.",
            )
        run = self._pass("test", subject, None, loaded.model)
        watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
        body = self._features(run, loaded.model)
        watch.time_base(self._of_head(loaded.model), self._base)
        gaussian: Metrics = {}
        if "train" in self._tables:
            train = self._features(self._pass("train", subject, None, loaded.model), loaded.model)
            gaussian["gda"] = self._gaussian(subject, train, body)
        if is_own:
            positions, order = label_positions(names, len(self._labels), self._labels)
            logits, is_read = self._units(run, run.run(self._of_head(loaded.model), self._bench.report))
            probabilities = _spread(softmax(logits[:, positions]), is_read)
            used: dict[str, Any] = {"head": "base", "label_order": order}
        else:
            probabilities, used = self._probed(subject, train, body)
        measured = self._measured(subject, probabilities, run, used, watch.efficiency(None))
        measured.metrics.update(gaussian)
        return measured

    def _probed(
        self, subject: Subject, train: tuple[Numbers, Truths], test: tuple[Numbers, Truths]
    ) -> tuple[Numbers, dict[str, Any]]:
        truth = self._truth_of(self._tables["train"])[train[1]]
        probabilities, said = probed(train[0], truth, test[0], len(self._labels), subject.settings.seed)
        return _spread(probabilities, test[1]), {"head": "probe", "label_order": "set", "probe": said}

    def _gaussian(
        self, subject: Subject, train: tuple[Numbers, Truths], test: tuple[Numbers, Truths]
    ) -> dict[str, Any]:
        """The set's metric of the closed-form classifier: whoever does not beat it has learnt nothing new."""
        truth = self._truth_of(self._tables["train"])[train[1]]
        probabilities = gaussian_probabilities(train[0], truth, test[0], len(self._labels))
        table = self._table("test", subject)
        spread = _spread(probabilities, test[1])
        return self._score(table, self._truth_of(table), spread, subject.settings.seed)[0][self._metric]

    def _measured(
        self, subject: Subject, probabilities: Numbers, run: Pass, used: dict[str, Any], efficiency: dict[str, Any]
    ) -> Measured:
        table = self._table("test", subject)
        metrics, predictions = self._score(table, self._truth_of(table), probabilities, subject.settings.seed)
        if subject.settings.limit is not None:
            predictions["row"] = list(table.numbers)
        return Measured(metrics, predictions, run.as_used() | used, efficiency)

    def _analysed(self, subject: Subject, run: Pass, worn: Any, positions: list[int]) -> dict[str, Any]:
        """What the adapter does inside, on the first rows; ``score_without`` is an accuracy."""
        table, few = self._table("test", subject).head(ROWS), run.head(ROWS)
        truth = self._truth_of(table)

        def accuracy(given: list[Any]) -> float:
            logits, is_read = self._units(few, given)
            return float((logits[:, positions].argmax(axis=1) == truth[is_read]).mean())

        return {"analysis": analyse(few, worn, scored(few, self._of_head(worn), accuracy))}

    def _names_of_base(self) -> tuple[str, ...] | None:
        """The labels of the base's own head, where its config names them."""
        return names_in(read_object(self._base.folder / "config.json") or {})

    def _features(self, run: Pass, model: Any) -> tuple[Numbers, Truths]:
        return self._units(run, run.run(self._of_body(model), self._bench.report))

    def _table(self, split: str, subject: Subject) -> Table:
        table = self._tables[split]
        return table.sample(subject.settings.limit, subject.settings.seed) if split == "test" else table

    def _pass(self, split: str, subject: Subject, adapter: AdapterFolder | None, model: Any) -> Pass:
        settings = subject.settings
        name = f"{split}/{settings.limit}/{settings.seed}" if split == "test" else split
        return self._make_pass(name, self._table(split, subject), subject, adapter, model)


def _spread(probabilities: Numbers, is_read: Truths) -> Numbers:
    """Probabilities of every unit; zeros for those that were cut off."""
    spread = np.zeros((len(is_read), probabilities.shape[1]))
    spread[is_read] = probabilities
    return spread
