"""Model cards are read as data and shown without anything that acts."""

import json
import re

import pytest

from catalog.cards import CardError, render_card, split_card


def card(front_matter: str) -> dict:
    return split_card(f"---\n{front_matter}\n---\nbody")[0]


def test_front_matter_and_body_are_told_apart():
    assert split_card("---\nlicense: mit\n---\n# Title\n") == ({"license": "mit"}, "# Title\n")
    assert split_card("---\r\nlicense: mit\r\n---\r\nx") == ({"license": "mit"}, "x")


@pytest.mark.parametrize("text", ["", "# Title", "--- not yet\n", "---\nlicense: mit\n", "text\n---\na: b\n---\n"])
def test_a_card_without_front_matter_is_all_body(text):
    assert split_card(text) == ({}, text)


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("language: no", "no"),
        ("language: on", "on"),
        ("language: yes", "yes"),
        ("flag: true", True),
        ("date: 2026-01-02", "2026-01-02"),
        ("moment: 2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("score: .nan", "nan"),
        ("score: .inf", "inf"),
        ("score: 0.5", 0.5),
        ("rank: 8", 8),
        ("nothing: null", None),
        ("3: x", "x"),
        ("names: !!set {a, b}", None),
        ("raw: !!binary aGVsbG8=", "b'hello'"),
        ('odd: "\\ud800"', "?"),
        ('zero: "a\\0b"', "a\ufffdb"),
        ("huge: 0x" + "F" * 6000, None),
        ("sum: !!timestamp 2026-01-02", "2026-01-02"),
    ],
)
def test_values_become_what_json_can_hold(yaml, value):
    data = card(yaml)
    written = json.dumps(data, allow_nan=False, ensure_ascii=False).encode("utf-8")
    assert b"\0" not in written
    assert b"\\u0000" not in written
    assert all(isinstance(key, str) for key in data)
    if value is not None:
        assert next(iter(data.values())) == value


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &x [1]\nb: *x",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]",
        "a: &a\n  - *a",
        "- a list",
        "just text",
        "a: [",
        "a: !!python/object/apply:os.system [id]",
        "a: !!python/name:os.system",
        "? [a, b]\n: c",
        "a: " + "[" * 5000,
        "x: " + "y" * (64 << 10),
    ],
    ids=["alias", "bomb", "loop", "list", "text", "broken", "call", "name", "key", "deep", "large"],
)
def test_front_matter_that_is_no_plain_mapping_is_refused(yaml):
    with pytest.raises(CardError):
        card(yaml)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    '<iframe src="https://elsewhere.example"></iframe>',
    "<style>body{display:none}</style>",
    '<p style="background:url(https://elsewhere.example)">x</p>',
    '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    "![tracker](https://elsewhere.example/pixel.png)",
    '<img src="https://elsewhere.example/pixel.png">',
    '<form action="https://elsewhere.example"><input name=password></form>',
    '<object data="x"></object><embed src="x">',
    '<base href="https://elsewhere.example">',
    '<meta http-equiv="refresh" content="0;url=https://elsewhere.example">',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<video src="https://elsewhere.example/v.mp4" autoplay></video>',
    '<link rel="stylesheet" href="https://elsewhere.example/a.css">',
    '<div hx-get="/x" hx-trigger="load">x</div>',
    "<b id=cookie class=x data-x=1>x</b>",
]
ACTIVE = re.compile(
    r"<(script|style|iframe|svg|math|form|input|object|embed|base|meta|link|video|noscript)\b"
    r"|<[^>]*\s(on\w+|src|style|hx-\w+|data-\w+|id|action|http-equiv)\s*="
    r"|href\s*=\s*[\"']?\s*(javascript|data|vbscript)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("markdown", HOSTILE)
def test_nothing_active_is_left_of_a_card(markdown):
    for text in (markdown, f"para\n\n{markdown}\n\npara", f"- {markdown}", f"| a |\n|---|\n| {markdown} |\n"):
        assert not ACTIVE.search(render_card(text)), render_card(text)


def test_what_a_card_is_for_stays():
    html = render_card("# T\n\n**b** `c` [link](https://example.org) ~~s~~\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    for part in ("<h1>", "<strong>", "<code>", 'href="https://example.org"', "<s>", "<td"):
        assert part in html
    assert "nofollow" in html
