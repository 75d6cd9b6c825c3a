"""The rules of the house that no linter knows: small rooms, a sentence at every door, links that lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = ("hub", "frontend", "workers", "catalog", "storage", "kernels", "hubclient")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
HEAVY = {"torch", "transformers", "peft", "kernels", "adapterkernels"}
HOME_OF_A_MACHINE = re.compile(
    r"(?<![\w.:/-])/(?:home|root|Users|work)/[\w.-]+|(?<![\w./-])/tmp/[\w.-]+/|\b[A-Z]:\\Users\\"
)
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git tracks, or would with the next `git add`, by pathspec."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def python_files() -> list[Path]:
    """Return every Python file that people write: generated migrations are left out."""
    return [path for path in tracked("*.py") if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    """Return the path from the root of the repository, for messages."""
    return path.relative_to(REPOSITORY).as_posix()


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(nodes: list[ast.stmt] | Iterator[ast.AST]) -> Iterator[str]:
    """Yield the first part of every absolute import among ``nodes``."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_repository_has_python_files():
    assert len(python_files()) > 10, "git lists no files, so that the other rules would hold for nothing"


def test_every_python_file_begins_by_saying_what_it_is_for():
    silent = []
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and not ast.get_docstring(tree):
            silent.append(name_of(path))
    assert not silent


def test_no_python_file_is_longer_than_one_idea():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_every_function_fits_a_screen():
    long = [
        f"{name_of(path)}:{function.lineno} {function.name}: {lines} lines"
        for path in python_files()
        for function in functions_of(path)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long


def test_no_file_names_a_place_on_somebodys_machine():
    found = []
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".ico", ".woff2", ".safetensors"} or path == Path(__file__).resolve():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{name_of(path)}: {match.group()}" for match in HOME_OF_A_MACHINE.finditer(text)]
    assert not found


@pytest.mark.parametrize("package", SERVER)
def test_nothing_that_serves_can_unpickle(package: str):
    offenders = [
        f"{name_of(path)}: {name}"
        for path in tracked(f"{package}/*.py")
        for name in imported(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if name in UNPICKLERS
    ]
    assert not offenders


def test_hubclient_loads_nothing_heavy_before_it_is_asked_to():
    offenders = [
        f"{name_of(path)}: {name}"
        for path in tracked("hubclient/*.py")
        for name in imported(ast.parse(path.read_text(encoding="utf-8")).body)
        if name in HEAVY
    ]
    assert not offenders


def test_every_link_of_the_documentation_leads_somewhere():
    broken = []
    for path in tracked("*.md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in MARKDOWN_LINK.findall(text):
            file = target.split("#", 1)[0]
            if file and not re.match(r"[a-z]+:", file) and not (path.parent / file).exists():
                broken.append(f"{name_of(path)}: {target}")
    assert not broken
