"""Templates made to do harm: rendered in a limited child, they end with a clear error, and the worker goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="evaluations run on torch")

from workers.children import ChildFailed, run_in_child

RENDER = "tests.hostile.template_child:render"
MEMORY_BYTES, SECONDS = 1 << 30, 60


def render(template: str, **more: Any) -> str:
    """What the child wrote for one row."""
    argument = {"template": template, "row": {"text": "hello", "items": [1, 2, 3], "number": 7}} | more
    return str(run_in_child(RENDER, argument, memory_bytes=MEMORY_BYTES, seconds=SECONDS)["texts"][0])


def refusal(template: str, **more: Any) -> ChildFailed:
    with pytest.raises(ChildFailed) as failed:
        render(template, **more)
    assert failed.value.is_final
    return failed.value


def test_a_harmless_template_is_rendered():
    assert render("{{ text | upper }}: {% for one in items %}{{ one * 2 }} {% endfor %}\n") == "HELLO: 2 4 6 \n"
    assert render("{{ text | regex_replace('l+', 'L') }} {{ '%03d' % number }}") == "heLo 007"


@pytest.mark.parametrize(
    "template",
    [
        "{{ text.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ items.__init__ }}",
        "{{ range.__self__ }}",
        "{{ (text | attr('__class__')) | attr('__mro__') }}",
        "{{ '{0.__class__.__mro__}'.format(text) }}",
        "{{ '{0.__class__}'.format_map({'0': text}) }}",
        "{{ ('{0.__class__.__init__.__globals__}' | format(text)).x }}",
        "{% set f = text.upper %}{{ f.__self__.__class__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ dict.__base__ }}",
        "{{ items.append(4) }}{{ items }}",
        "{% set _ = row.update({'x': 1}) %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os.environ }}",
        "{% extends 'x' %}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ joiner.__init__.__globals__.os }}",
        "{{ config }}",
        "{{ undefined_name.x }}",
    ],
)
def test_nothing_but_the_row_can_be_reached(template):
    error = refusal(template)
    assert error.code == "template_refused"
    assert "row 1" in error.detail or "cannot be read" in error.detail


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{% for a in range(99999) %}{{ m2() }}{% endfor %}{% endmacro %}"
        "{% macro m2() %}{% for b in range(99999) %}{% endfor %}{% endmacro %}{{ m() }}",
        "{{ ('a' * 40) | regex_replace('(a+)+b', '') }}",
    ],
)
def test_a_template_that_never_ends_is_stopped(template):
    error = refusal(template, seconds=1)
    assert error.code == "template_refused"
    assert "longer than 1 s" in error.detail


def test_recursion_without_end_is_an_error_of_the_template():
    assert refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").code == "template_refused"
    assert refusal("(" * 5000 + "{{" + "(" * 5000).code == "template_refused"


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}0123456789{% endfor %}",
        "{{ 'x' * 1000000 }}",
        "{{ 1000000000 * 'x' }}",
        "{{ [0] * 1000000000 }}",
        "{{ 10 ** 1000000000 }}",
        "{{ 10 ** 100 ** 100 ** 100 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ 'x' | center(10000000) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ '{:>1000000000}'.format('x') }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ 'x' | indent(1000000000) }}{{ ('x\n' * 1000) | indent(100000) }}",
        "{% set n = namespace(s='xxxxxxxxxx') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        "{{ range(1000000) | list }}",
    ],
)
def test_huge_output_is_refused_and_takes_no_memory_from_the_worker(template):
    assert refusal(template).code in {"template_refused", "resource_limit"}


@pytest.mark.parametrize(
    "template",
    [
        "{% set n = namespace(s='xxxxxxxxxx') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        "{{ 'x'.ljust(5000000000) }}",
    ],
)
def test_a_child_that_may_load_cuda_has_a_limit_on_memory_while_it_renders(template):
    argument = {"template": template, "row": {}}
    with pytest.raises(ChildFailed) as failed:
        run_in_child(RENDER, argument, memory_bytes=64 << 30, seconds=SECONDS, is_memory_watched=True)
    assert failed.value.code == "template_refused"
    assert "memory" in failed.value.detail


def test_many_small_outputs_are_bounded_together():
    error = refusal("{{ text * 10000 }}", rows=2000)
    assert error.code == "template_refused"
    assert "in all" in error.detail


def test_a_template_of_a_megabyte_is_not_compiled():
    assert "characters" in refusal("x" * 1_000_000).detail


def test_values_of_rows_are_data_and_never_templates():
    row = {"text": "{{ 7 * 7 }}{% for a in range(9) %}x{% endfor %}", "items": [], "number": 1}
    assert render("{{ text }}", row=row) == row["text"]


def test_the_values_of_a_row_are_never_rendered_by_lm_eval_either(tmp_path: Path):
    """A column that holds a template, and names of columns that look like ours, reach the model as they are."""
    pytest.importorskip("lm_eval", reason="requirements/lm.txt is not installed")
    evil = "{{ ''.__class__.__mro__ }} {{ 7 * 7 }}"
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": evil, "target": evil, "choices": [evil, "b"], "description": evil}) + "\n")
    said = run_in_child("tests.hostile.template_child:contexts", {"path": str(path)}, memory_bytes=2 << 30, seconds=100)
    assert said["arguments"] == [[evil, f" {evil}"], [evil, " b"]]
    assert os.getpid() != said["pid"]
