"""Two cards as one text: what a person sees of a change, and bounds on what may be asked of it."""

from catalog.adapters.carddiff import MOST_LINES, Line, Part, card_difference


def kinds(lines: list[Line]) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in lines]


def test_equal_texts_have_no_difference() -> None:
    assert card_difference("a\nb\n", "a\nb") == []


def test_two_lines_around_a_change_are_kept_and_the_rest_is_counted() -> None:
    before = "\n".join("abcdefgh")
    assert kinds(card_difference(before, before.replace("e", "E"))) == [
        ("skipped", "2 equal lines"),
        ("same", "c"),
        ("same", "d"),
        ("removed", "e"),
        ("added", "E"),
        ("same", "f"),
        ("same", "g"),
        ("skipped", "1 equal line"),
    ]


def test_the_words_that_changed_are_marked_on_both_sides() -> None:
    went, came = card_difference("It reads German law.", "It reads Swiss law.")
    assert went.parts == (Part("It reads "), Part("German", True), Part(" law."))
    assert came.parts == (Part("It reads "), Part("Swiss", True), Part(" law."))


def test_lines_that_have_little_in_common_are_shown_whole() -> None:
    went, came = card_difference("# German rulings", "1 2 3 4 5 6 7 8 9")
    assert [len(went.parts), len(came.parts)] == [1, 1]
    assert not went.parts[0].is_changed


def test_a_first_card_is_all_added() -> None:
    assert kinds(card_difference("", "# New\ntext")) == [("added", "# New"), ("added", "text")]


def test_a_card_beyond_the_bound_says_what_is_left_out() -> None:
    lines = card_difference("x\n" * (MOST_LINES + 5), "y\n" + "x\n" * (MOST_LINES + 5))
    assert lines[-1] == Line("skipped", f"only the first {MOST_LINES} lines are compared")


def test_a_text_made_to_be_slow_is_compared_in_bounded_time() -> None:
    sides = [[f"{number} {side} " + "a b " * 45 for number in range(MOST_LINES)] for side in ("old", "new")]
    for lines in sides:
        lines[:: len(lines) // 40] = [f"same {number}" for number in range(len(lines[:: len(lines) // 40]))]
    found = card_difference(*("\n".join(lines) for lines in sides))
    assert 0 < sum(len(line.parts) > 1 for line in found) <= 2 * 100
