"""Labelled texts for one task, split so that no message and no text is seen in training and in the held-out set."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from demo.messages import Message, django_messages
from demo.tasks import Task

HELD_OUT_FRACTION = 0.3


@dataclass(frozen=True)
class Example:
    """A text and its class; `message_id` says which message it translates, so that leaks can be looked for."""

    text: str
    label: int
    message_id: str


@dataclass(frozen=True)
class Corpus:
    """The two halves of a task's examples; every class has the same number of examples within each half."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]


def build_corpus(task: Task, messages: Iterable[Message] | None = None) -> Corpus:
    """Label, split by message id, remove ambiguous texts and balance the classes of `task`; the same every time."""
    if messages is None:
        messages = (message for locale in task.locales for message in django_messages(locale))
    examples = _unambiguous(_labelled(task, messages))
    held_out = [example for example in examples if is_held_out(example.message_id)]
    held_out_texts = {example.text.casefold() for example in held_out}
    train = [
        example
        for example in examples
        if not is_held_out(example.message_id) and example.text.casefold() not in held_out_texts
    ]
    classes = range(len(task.labels))
    return Corpus(
        train=_balanced(train, classes, task.train_per_class),
        held_out=_balanced(held_out, classes, task.held_out_per_class),
    )


def is_held_out(message_id: str) -> bool:
    """Whether a message is kept from training, in every language and task alike."""
    return _fraction(f"split {message_id}") < HELD_OUT_FRACTION


def _labelled(task: Task, messages: Iterable[Message]) -> list[Example]:
    label_of = {name: index for index, name in enumerate(task.labels)}
    named = ((message.locale if task.is_language_task else message.part, message) for message in messages)
    return [Example(message.text, label_of[name], message.message_id) for name, message in named if name in label_of]


def _unambiguous(examples: Sequence[Example]) -> list[Example]:
    """Each text once; none that two classes share, since no classifier could tell which is meant."""
    labels_of = defaultdict(set)
    for example in examples:
        labels_of[example.text.casefold()].add(example.label)
    first_of = {
        example.text.casefold(): example
        for example in sorted(examples, key=lambda example: example.message_id, reverse=True)
    }
    return [example for text, example in first_of.items() if len(labels_of[text]) == 1]


def _balanced(examples: Sequence[Example], classes: Sequence[int], limit: int) -> tuple[Example, ...]:
    """As many examples of each class as the rarest has, at most `limit`, in an order that depends on content alone."""
    ordered = sorted(examples, key=lambda example: (_fraction(example.text), example.text))
    counts = Counter(example.label for example in ordered)
    size = min(limit, *(counts[label] for label in classes))
    taken: Counter[int] = Counter()
    kept = []
    for example in ordered:
        taken[example.label] += 1
        if taken[example.label] <= size:
            kept.append(example)
    return tuple(kept)


def _fraction(text: str) -> float:
    """A number in [0, 1) that is fixed by `text`."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
