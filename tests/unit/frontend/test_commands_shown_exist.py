"""Every command that a page shows is one that hubclient understands, with options that it has."""

import html
import re
import shlex
import subprocess
import sys

import pytest


def commands(text):
    shown = [html.unescape(code) for code in re.findall(r"<code[^>]*>(.*?)</code>", text, re.DOTALL)]
    lines = [line.removeprefix("# after: ") for code in shown for line in code.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.removeprefix("# after: ").startswith("hubclient ")]


def help_of(words):
    answer = subprocess.run(
        [sys.executable, "-m", "hubclient", *words, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("path", ["/", "/team/ner-de", "/base-models/", "/settings/tokens"])
def test_commands_and_options_exist(path, request, as_owner):
    if path == "/team/ner-de":
        request.getfixturevalue("published")
    if path == "/base-models/":
        request.getfixturevalue("catalog").base.delete()
    if path == "/settings/tokens":
        text = as_owner.post(path, {"name": "ci", "scopes": ["read"], "expires_in_days": "7"}).content.decode()
    else:
        text = as_owner.get(path).content.decode()
    found = commands(text)
    assert found
    for words in found:
        verb = words[:2] if words[0] == "base-model" else words[:1]
        listed = help_of(verb)
        for option in (word for word in words if word.startswith("--")):
            assert option in listed, (words, option)
