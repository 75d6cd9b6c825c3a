"""The held-out set shares no message and no text with training, and every class weighs the same."""

from collections import Counter

import pytest

from demo.corpus import Corpus, build_corpus
from demo.messages import MIN_CHARACTERS, Message, django_messages, normalise
from demo.tasks import TASKS, Task

TWO = Task("two", "", labels=("aa", "bb"), locales=("aa", "bb"), train_per_class=1000, held_out_per_class=1000)


@pytest.fixture(scope="module", params=TASKS, ids=lambda task: task.name)
def task_and_corpus(request: pytest.FixtureRequest) -> tuple[Task, Corpus]:
    return request.param, build_corpus(request.param)


def test_no_message_is_in_both_halves(task_and_corpus: tuple[Task, Corpus]) -> None:
    _, corpus = task_and_corpus
    train, held_out = ({example.message_id for example in half} for half in (corpus.train, corpus.held_out))
    assert train
    assert held_out
    assert train.isdisjoint(held_out)


def test_no_text_is_in_both_halves_nor_twice_in_one(task_and_corpus: tuple[Task, Corpus]) -> None:
    _, corpus = task_and_corpus
    texts = [example.text.casefold() for half in (corpus.train, corpus.held_out) for example in half]
    assert len(texts) == len(set(texts))


def test_classes_are_balanced_and_all_there(task_and_corpus: tuple[Task, Corpus]) -> None:
    task, corpus = task_and_corpus
    for half, limit in ((corpus.train, task.train_per_class), (corpus.held_out, task.held_out_per_class)):
        counts = Counter(example.label for example in half)
        assert set(counts) == set(range(len(task.labels)))
        assert len(set(counts.values())) == 1
        assert 25 <= counts[0] <= limit


def test_texts_are_long_enough_and_hold_no_placeholders(task_and_corpus: tuple[Task, Corpus]) -> None:
    _, corpus = task_and_corpus
    for example in (*corpus.train, *corpus.held_out):
        assert len(example.text) >= MIN_CHARACTERS
        assert "%(" not in example.text


def test_the_same_messages_in_another_order_give_the_same_corpus() -> None:
    task = TASKS[0]
    messages = [message for locale in task.locales for message in django_messages(locale)]
    assert build_corpus(task, messages) == build_corpus(task, reversed(messages))


def test_a_text_that_two_classes_share_is_in_neither() -> None:
    shared = [Message(f"id {n}", locale, "core", "the very same text") for n in range(9) for locale in ("aa", "bb")]
    own = [Message(f"id {n}", locale, "core", f"text {n} of {locale}") for n in range(60) for locale in ("aa", "bb")]
    corpus = build_corpus(TWO, [*shared, *own])
    texts = {example.text for half in (corpus.train, corpus.held_out) for example in half}
    assert "the very same text" not in texts
    assert len(texts) == 120


def test_a_text_of_two_messages_is_never_on_both_sides() -> None:
    messages = [
        Message(f"id {n}", locale, "core", f"repeated {n % 20} in {locale}")
        for n in range(200)
        for locale in ("aa", "bb")
    ]
    corpus = build_corpus(TWO, messages)
    train, held_out = ({example.text for example in half} for half in (corpus.train, corpus.held_out))
    assert train.isdisjoint(held_out)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Enter %(count)d values", "Enter # values"),
        ("Hello <b>%s</b>,\n  again", "Hello # , again"),
        ("{name} was added", "# was added"),
    ],
)
def test_placeholders_and_markup_are_normalised(text: str, expected: str) -> None:
    assert normalise(text) == expected
