"""Sequence classification: one label for each text, by the adapter's head, a probe, or a head on the base alone."""

from typing import Any

import numpy as np

from workers.evaluation.adapters import AdapterFolder, read_object
from workers.evaluation.asked import Subject
from workers.evaluation.baseline import gaussian_metric
from workers.evaluation.batching import Forward
from workers.evaluation.efficiency import Stopwatch
from workers.evaluation.errors import Refused
from workers.evaluation.features import mean_features
from workers.evaluation.harnesses import Bench, Measured, rounded
from workers.evaluation.heads import Indices, Numbers, softmax
from workers.evaluation.labels import label_indices, label_positions, labels_of, names_in
from workers.evaluation.metrics import CLASSIFICATION, check_metric, classification_metrics
from workers.evaluation.passing import Pass, make_pass
from workers.evaluation.probe import check_probe, probed
from workers.evaluation.reading import Table, read_table
from workers.evaluation.subjects import laid_out, wearing
from workers.evaluation.texts import Texts

CLASS = "AutoModelForSequenceClassification"
SPLITS = ("test", "train")


def head_logits(model: Any) -> Forward:
    """What ``model``'s head says of each row, `(rows, labels)`."""
    return lambda batch: model(**batch).logits


class SequenceClassification:
    """Columns: ``text``, ``label``, and ``text_pair`` where one is named. Splits: ``test``; ``train`` for heads."""

    packages: tuple[str, ...] = ()

    def __init__(self, bench: Bench) -> None:
        asked = bench.asked.set
        check_metric(asked.metric, CLASSIFICATION)
        self._bench, self._base, self._metric = bench, bench.base, asked.metric
        self._text_parts = ("text", "text_pair") if "text_pair" in asked.columns else ("text",)
        if "test" not in asked.files:
            raise Refused("set_empty", "the set has no split `test`, which is what is measured")
        self._tables = {
            split: read_table(asked.files[split], split, asked.columns, (*self._text_parts, "label"))
            for split in SPLITS
            if split in asked.files
        }
        self._labels = labels_of(asked.labels, [table.column("label") for table in self._tables.values()])
        for split, table in self._tables.items():
            label_indices(table.column("label"), self._labels, split)
        self._texts = Texts(bench.base)

    def measure(self, subject: Subject) -> Measured:
        if subject.files is None:
            return self._alone(subject)
        with laid_out(subject.files, self._bench.asked.scratch) as folder:
            adapter = AdapterFolder.read(folder)
            if adapter.head_rows is not None or self._base.load(CLASS, len(self._labels)).has_head:
                return self._by_head(subject, adapter)
            check_probe(subject.settings.with_probe, "train" in self._tables)
            return self._by_probe(subject, adapter)

    def _by_head(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        rows = adapter.head_rows or len(self._labels)
        positions, order = label_positions(adapter.label_names(), rows, self._labels)
        model = self._base.load(CLASS, rows).model
        run = self._pass(subject, "test", adapter, model)
        watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
        watch.start()
        with wearing(model, adapter.folder) as worn:
            watch.is_on()
            logits = run.run(head_logits(worn), self._bench.report)
            watch.time_adapter(head_logits(worn), worn)
        watch.time_base(head_logits(model), self._base)
        probabilities = softmax(logits[:, positions].double().numpy())
        used = {"head": "adapter" if adapter.head_rows else "base", "label_order": order}
        return self._scored(subject, probabilities, run, used, watch.efficiency(adapter))

    def _by_probe(self, subject: Subject, adapter: AdapterFolder) -> Measured:
        model = self._base.load(adapter.class_name).model
        runs = {split: self._pass(subject, split, adapter, model) for split in SPLITS}
        watch = Stopwatch(runs["test"], is_wanted=subject.settings.efficiency)
        watch.start()
        with wearing(model, adapter.folder) as worn:
            watch.is_on()
            train, test = (self._features(runs[split], worn) for split in ("train", "test"))
            watch.time_adapter(mean_features(worn), worn)
        watch.time_base(mean_features(model), self._base)
        truth = self._truth("train", subject)
        probabilities, said = probed(train, truth, test, len(self._labels), subject.settings.seed)
        used = {"head": "probe", "label_order": "set", "probe": said}
        return self._scored(subject, probabilities, runs["test"], used, watch.efficiency(adapter))

    def _alone(self, subject: Subject) -> Measured:
        """The base model by its own head, or by a head trained on its features; and the Gaussian baseline."""
        loaded = self._base.load(CLASS, len(self._labels))
        names = names_in(read_object(self._base.folder / "config.json") or {})
        is_own = loaded.has_head and (names is None or {*names} == {*self._labels})
        if not is_own and "train" not in self._tables:
            raise Refused(
                "no_head",
                "the base model has no head for these labels, and the set no split `train` to train one on",
                "Add a split `train` in a new revision of the set.",
            )
        run = self._pass(subject, "test", None, loaded.model)
        watch = Stopwatch(run, is_wanted=subject.settings.efficiency)
        watch.time_base(head_logits(loaded.model), self._base)
        test = self._features(run, loaded.model)
        more = {}
        if "train" in self._tables:
            train = self._features(self._pass(subject, "train", None, loaded.model), loaded.model)
            truths = self._truth("train", subject), self._truth("test", subject)
            rest = (len(self._labels), subject.settings.seed)
            more["gda"] = gaussian_metric(self._metric, train, truths[0], test, truths[1], *rest)
        if is_own:
            positions, order = label_positions(names, len(self._labels), self._labels)
            logits = run.run(head_logits(loaded.model), self._bench.report)
            probabilities = softmax(logits[:, positions].double().numpy())
            used: dict[str, Any] = {"head": "base", "label_order": order}
        else:
            probabilities, said = probed(train, truths[0], test, *rest)
            used = {"head": "probe", "label_order": "set", "probe": said}
        measured = self._scored(subject, probabilities, run, used, watch.efficiency(None))
        measured.metrics.update(more)
        return measured

    def _scored(
        self, subject: Subject, probabilities: Numbers, run: Pass, used: dict[str, Any], efficiency: dict[str, Any]
    ) -> Measured:
        truth = self._truth("test", subject)
        answers = probabilities.argmax(axis=1)
        rows = np.arange(len(truth))
        predictions: dict[str, list[Any]] = {
            "answer": [self._labels[answer] for answer in answers],
            "right": [int(is_right) for is_right in answers == truth],
            "confidence": rounded(probabilities[rows, answers]),
            "likelihood": rounded(probabilities[rows, truth]),
        }
        if subject.settings.limit is not None:
            predictions["row"] = list(self._table("test", subject).numbers)
        metrics = classification_metrics(truth, probabilities, subject.settings.seed)
        return Measured(metrics, predictions, run.as_used() | used, efficiency)

    def _features(self, run: Pass, model: Any) -> Numbers:
        features: Numbers = run.run(mean_features(model), self._bench.report).double().numpy()
        return features

    def _table(self, split: str, subject: Subject) -> Table:
        table = self._tables[split]
        return table.sample(subject.settings.limit, subject.settings.seed) if split == "test" else table

    def _truth(self, split: str, subject: Subject) -> Indices:
        return label_indices(self._table(split, subject).column("label"), self._labels, split)

    def _pass(self, subject: Subject, split: str, adapter: AdapterFolder | None, model: Any) -> Pass:
        table, settings = self._table(split, subject), subject.settings
        columns = [table.column(part) for part in self._text_parts]
        name = f"{split}/{settings.limit}/{settings.seed}" if split == "test" else split
        return make_pass(self._texts, name, columns, settings=settings, adapter=adapter, model=model)
