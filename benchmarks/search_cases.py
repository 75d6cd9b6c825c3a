"""What is asked of the search, class by class, and what each class may take; every query has terms of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.service_data import (
    BASES,
    COMMON_WORDS,
    LANGUAGES,
    LICENSES,
    METHODS,
    NAMESPACES_PER_THOUSAND,
    TAGS,
    TASKS,
    VOCABULARY,
    base,
    common_word,
    tag,
    word,
)

LIST, FOUND, FACETS, SUGGEST, MEAN, PAGE = "list", "found", "facets", "suggest", "mean", "page"
# Milliseconds: what 95 of 100 may take, and what none may exceed (0: nothing is promised).
Goal = tuple[int, int]
QUICK: Goal = (10, 0)
TEXT: Goal = (150, 500)
TEXT_ON_SQLITE: Goal = (300, 0)
TYPED: Goal = (15, 0)
WHOLE_PAGE: Goal = (200, 0)


@dataclass(frozen=True)
class Ask:
    """One question: a text of the query language or an address, and where in the list."""

    text: str
    sort: str = ""
    depth: float = 0.0
    """Where the page begins: 0 is the first page, 0.5 the middle of the list."""
    is_signed_in: bool = False


@dataclass(frozen=True)
class Case:
    """A class of questions of one kind, in the order in which one client asks them."""

    name: str
    kind: str
    goal: Goal
    asks: list[Ask] = field(default_factory=list)


class Terms:
    """Fresh terms, frequent ones more often where people would ask for them more often."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.random = rows, random.Random(seed)
        self._taken: set[str] = set()

    def fresh(self, make: Callable[[], str]) -> str:
        """What ``make`` gives, not given before where there is enough of it."""
        for _ in range(50):
            made = make()
            if made not in self._taken:
                break
        self._taken.add(made)
        return made

    def zipf(self, most: int) -> int:
        """1 to ``most``, 1 most often."""
        return min(int((most + 1) ** self.random.random()), most)

    def rare(self) -> str:
        """A word of about 1 in 2,000 cards."""
        return self.fresh(lambda: self._long_word(3500, 7000))

    def medium(self) -> str:
        """A word of about 1 in 55 cards."""
        return self.fresh(lambda: self._long_word(90, 190))

    def common(self) -> str:
        """A word of three cards in ten."""
        return self.fresh(lambda: common_word(self.random.randint(1, COMMON_WORDS)))

    def two_medium(self) -> str:
        """Two words that seldom meet."""
        return self.fresh(lambda: f"{self._long_word(20, 190)} {self._long_word(20, 190)}")

    def two_common(self) -> str:
        """Two words that meet in one card of eleven."""
        return self.fresh(lambda: " ".join(map(common_word, self.random.sample(range(1, COMMON_WORDS + 1), 2))))

    def phrase(self) -> str:
        """Two common words side by side: in about one card of twelve."""
        numbers = range(1, COMMON_WORDS)
        return self.fresh(lambda: '"{} {}"'.format(*map(common_word, self._side_by_side(numbers))))

    def mistyped(self) -> str:
        """A word of the cards with two letters changed places and one doubled: nothing has it."""
        return self.fresh(lambda: _mistyped(self._long_word(20, 400)))

    def base(self) -> str:
        """A base model's name."""
        return self.fresh(lambda: base(self.zipf(BASES)))

    def tag(self) -> str:
        """A tag."""
        return self.fresh(lambda: tag(self.zipf(TAGS)))

    def namespace(self) -> str:
        """A namespace."""
        return self.fresh(lambda: f"team-{self.zipf(self.rows * NAMESPACES_PER_THOUSAND // 1000)}")

    def of(self, values: str) -> str:
        """One of a few values."""
        known = values.split()
        return known[self.zipf(len(known)) - 1]

    def _long_word(self, low: int, high: int) -> str:
        # Of five letters or more: shorter ones are spelled alike by chance.
        return word(next(k for k in iter(lambda: self.random.randint(low, min(high, VOCABULARY)), -1) if k % 7 >= 2))

    def _side_by_side(self, numbers: range) -> tuple[int, int]:
        first = self.random.choice(numbers)
        return first, first + 1


def _mistyped(text: str) -> str:
    middle = len(text) // 2
    return text[: middle - 1] + text[middle] + text[middle - 1] + text[middle:][:1] * 2 + text[middle + 1 :]


def service_cases(rows: int, count: int, *, seed: int, is_sqlite: bool) -> list[Case]:
    """Everything that is asked of the service itself, ``count`` times each."""
    terms = Terms(rows, seed)
    text_goal = TEXT_ON_SQLITE if is_sqlite else TEXT

    def case(name: str, kind: str, goal: Goal, make: Callable[[], Ask | str]) -> Case:
        made = [make() for _ in range(count)]
        return Case(name, kind, goal, [Ask(one) if isinstance(one, str) else one for one in made])

    return [
        *_lists(terms, case),
        *_texts(terms, case, text_goal),
        case("facets, nothing filtered", FACETS, QUICK, lambda: ""),
        *_suggestions(terms, case),
        case("nothing found: did you mean", MEAN, (0, 0), terms.mistyped),
    ]


Maker = Callable[[str, str, Goal, Callable[[], Ask | str]], Case]


def _lists(terms: Terms, case: Maker) -> list[Case]:
    pick = terms.random

    def four() -> str:
        return f"{three()} license:{terms.of(LICENSES)}"

    def three() -> str:
        return f"base:{terms.base()} method:{terms.of(METHODS)} lang:{terms.of(LANGUAGES)}"

    return [
        case("list by downloads, first page", LIST, QUICK, lambda: Ask("")),
        case("list by date, first page", LIST, QUICK, lambda: Ask("", "newest")),
        case("list by name, first page", LIST, QUICK, lambda: Ask("", "name")),
        case("list by downloads, signed in", LIST, QUICK, lambda: Ask("", is_signed_in=True)),
        case("next page, any depth", LIST, QUICK, lambda: Ask("", depth=pick.random())),
        case("next page, any depth, signed in", LIST, QUICK, lambda: Ask("", depth=pick.random(), is_signed_in=True)),
        case("filter: base", LIST, QUICK, lambda: f"base:{terms.base()}"),
        case("filter: base, by date", LIST, QUICK, lambda: Ask(f"base:{terms.base()}", "newest")),
        case(
            "filter: base, method",
            LIST,
            QUICK,
            lambda: terms.fresh(lambda: f"base:{base(terms.zipf(BASES))} method:{terms.of(METHODS)}"),
        ),
        case("filter: base, method, language", LIST, QUICK, lambda: terms.fresh(three)),
        case("filter: base, method, language, licence", LIST, QUICK, lambda: terms.fresh(four)),
        case("filter: tag", LIST, QUICK, lambda: f"tag:{terms.tag()}"),
        case("filter: two tags, method", LIST, QUICK, lambda: f"tag:{terms.tag()} tag:{terms.tag()} method:lora"),
        case("filter: language, task", LIST, QUICK, lambda: f"lang:{terms.of(LANGUAGES)} task:{terms.of(TASKS)}"),
        case("filter: namespace", LIST, QUICK, lambda: f"ns:{terms.namespace()}"),
        case("filter: rank 4 to 16, base", LIST, QUICK, lambda: f"rank:4..16 base:{terms.base()}"),
        case("filter: size", LIST, QUICK, lambda: f"size:<{pick.randint(2, 200)}MB"),
        case("filter: fits a base", LIST, QUICK, lambda: f"fits:{terms.base()}"),
        case("filter: measured, by score", LIST, QUICK, lambda: Ask(f"is:measured base:{terms.base()}", "score")),
        case("filter: not LoRA, base", LIST, QUICK, lambda: f"-method:lora base:{terms.base()}"),
    ]


def _texts(terms: Terms, case: Maker, goal: Goal) -> list[Case]:
    return [
        case("text, 1 card in 2,000, with facets", FOUND, goal, terms.rare),
        case("text, 1 in 2,000, by relevance", FOUND, goal, lambda: Ask(terms.rare(), "relevance")),
        case("text, 1 in 55, with facets", FOUND, goal, terms.medium),
        case("text, 1 in 55, by relevance", FOUND, goal, lambda: Ask(terms.medium(), "relevance")),
        case("text, 3 in 10, with facets", FOUND, goal, terms.common),
        case("text, 3 in 10, by relevance", FOUND, goal, lambda: Ask(terms.common(), "relevance")),
        case("text, 3 in 10, newest", FOUND, goal, lambda: Ask(terms.common(), "newest")),
        case("two words that seldom meet", FOUND, goal, terms.two_medium),
        case("two common words", FOUND, goal, terms.two_common),
        case("phrase of two common words", FOUND, goal, terms.phrase),
        case("common word, base", FOUND, goal, lambda: f"base:{terms.base()} {terms.common()}"),
        case("common word but not another", FOUND, goal, lambda: terms.fresh(terms.two_common).replace(" ", " -")),
        case("common word, signed in", FOUND, goal, lambda: Ask(terms.common(), is_signed_in=True)),
        case("base, with facets", FOUND, goal, lambda: f"base:{terms.base()}"),
        case("one method, with facets", FOUND, goal, lambda: f"method:{terms.of(METHODS)}"),
        case("one language, with facets", FOUND, goal, lambda: f"lang:{terms.of(LANGUAGES)}"),
    ]


def _suggestions(terms: Terms, case: Maker) -> list[Case]:
    pick = terms.random
    letters = "abcdefghijklmnop"

    def prefix(most: int) -> str:
        return "".join(pick.choices(letters, k=pick.randint(1, most)))

    def of_value() -> str:
        return pick.choice(
            [
                f"base:lab-{pick.randint(1, 96)}",
                f"tag:{prefix(3)}",
                f"lang:{prefix(1)}",
                f"task:{pick.choice(letters)}",
                f"ns:team-{pick.randint(1, 99)}",
                f"method:{pick.choice('lab')}",
            ]
        )

    return [
        case("suggestions, one letter", SUGGEST, TYPED, lambda: pick.choice(letters)),
        case("suggestions, two to four letters", SUGGEST, TYPED, lambda: pick.choice(letters) + prefix(3)),
        case("suggestions after a field's name", SUGGEST, TYPED, lambda: terms.fresh(of_value)),
        case("suggestions after words", SUGGEST, TYPED, lambda: f"{terms.common()} {of_value()}"),
    ]


def page_cases(rows: int, count: int, *, seed: int, adapters: list[str]) -> list[Case]:
    """Whole pages, asked of the hub over HTTP; ``adapters`` are names of public ones."""
    terms = Terms(rows, seed)
    makers: dict[str, Callable[[], str]] = {
        "page: home": lambda: "/",
        "page: search, nothing asked": lambda: "/search",
        "page: search, common word": lambda: f"/search?q={terms.common()}",
        "page: search, 1 in 55": lambda: f"/search?q={terms.medium()}",
        "page: search, base and method": lambda: f"/search?q=base%3A{terms.base()}+method%3A{terms.of(METHODS)}",
        "page: search, nothing found": lambda: f"/search?q={terms.mistyped()}",
        "page: adapter": lambda: f"/{terms.random.choice(adapters)}",
        "page: namespace": lambda: f"/{terms.namespace()}",
        "page: base model": lambda: f"/base-models/{terms.base()}",
        "page: tasks": lambda: "/tasks/",
        "page: one task": lambda: f"/tasks/{terms.of(TASKS)}",
        "page: one language": lambda: f"/languages/{terms.of(LANGUAGES)}",
        "REST: list, common word": lambda: f"/api/v1/adapters?q={terms.common()}",
        "REST: suggestions": lambda: f"/api/v1/search/suggest?q={terms.random.choice('abcdefgh')}",
    }
    return [Case(name, PAGE, WHOLE_PAGE, [Ask(make()) for _ in range(count)]) for name, make in makers.items()]
