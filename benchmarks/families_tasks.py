"""Twenty-three real text classification tasks out of the shared evaluation sets."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "eval_sets"
_BANKING_TASKS = 5
_WHOLE = ("sst2_en", "clinc_domain10", "afrisenti_langid12", "afrisenti_hau", "afrisenti_pcm", "afrisenti_amh",
          "afrisenti_por", "afrisenti_swa")  # fmt: skip

Row = tuple[str, int]


@dataclass(frozen=True)
class Task:
    """One task: labels in order, rows to train on and rows to measure on."""

    name: str
    labels: tuple[str, ...]
    train: tuple[Row, ...]
    test: tuple[Row, ...]


def tasks(*, train: int, test: int) -> list[Task]:
    """All tasks, at most so many rows each: ten intent domains, five parts of banking, and eight sets as they are.

    Their order mixes the sources, so that the first five are five kinds of text.
    """
    domains = _clinc_domains()
    clinc = [_cut(f"clinc-{domain}", "clinc150_intent", intents, train, test) for domain, intents in domains.items()]
    intents = sorted({label for _, label in _rows("banking77", "train")})
    banking = [
        _cut(f"banking-{part + 1}", "banking77", intents[part::_BANKING_TASKS], train, test)
        for part in range(_BANKING_TASKS)
    ]
    whole = [_cut(name.replace("_", "-"), name, None, train, test) for name in _WHOLE]
    return _interleaved([clinc, whole, banking])


def _cut(name: str, source: str, labels: Iterable[str] | None, train: int, test: int) -> Task:
    known = tuple(sorted(labels if labels is not None else {label for _, label in _rows(source, "train")}))
    place = {label: index for index, label in enumerate(known)}
    halves = []
    for split, limit in (("train", train), ("test", test)):
        rows = [(text, place[label]) for text, label in _rows(source, split) if label in place]
        halves.append(_balanced(rows, limit))
    return Task(name, known, *halves)


def _balanced(rows: Sequence[Row], limit: int) -> tuple[Row, ...]:
    """At most `limit` rows, classes in turn, in the order of the file."""
    by_class: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_class[row[1]].append(row)
    turns = max(len(found) for found in by_class.values())
    mixed = [found[turn] for turn in range(turns) for _, found in sorted(by_class.items()) if turn < len(found)]
    return tuple(mixed[:limit])


def _clinc_domains() -> dict[str, list[str]]:
    """Domain -> its intents, by the texts that both sets share."""
    intent_of = dict(_rows("clinc150_intent", "train"))
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for text, domain in _rows("clinc_domain10", "train"):
        if text in intent_of:
            votes[intent_of[text]][domain] += 1
    domains: dict[str, list[str]] = defaultdict(list)
    for intent, counts in sorted(votes.items()):
        domains[counts.most_common(1)[0][0]].append(intent)
    return dict(sorted(domains.items()))


def _rows(source: str, split: str) -> list[tuple[str, str]]:
    path = SHARED / source / f"{split}.jsonl"
    if not path.is_file():
        raise SystemExit(f"needs {path.relative_to(SHARED.parents[2])} beside this checkout")
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [(row["text"], row["label"]) for row in rows]


def _interleaved(groups: Sequence[Sequence[Task]]) -> list[Task]:
    """Tasks of all groups, spread evenly."""
    placed = [
        ((at + 0.5) / len(group), turn, task) for turn, group in enumerate(groups) for at, task in enumerate(group)
    ]
    return [task for _, _, task in sorted(placed, key=lambda one: one[:2])]
