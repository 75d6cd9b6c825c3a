"""docs/VALIDATION.md lists exactly the codes that kernels and the validating worker can give, with their severity."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from kernels.formats import requirements

REPOSITORY = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `(\w+)` \| (error|warning|info) \| .+ \| .+ \|$", re.MULTILINE)


def _named(part: ast.Constant | ast.Name) -> Any:
    """A literal, or what the constant of that name is."""
    return getattr(requirements, part.id, None) if isinstance(part, ast.Name) else part.value


def _codes_in_source() -> dict[str, set[str]]:
    """Code to severities, of every FormatError and Finding that is written out."""
    found: dict[str, set[str]] = {}
    paths = [*(REPOSITORY / "kernels").glob("*.py"), *(REPOSITORY / "kernels" / "formats").glob("*.py")]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("FormatError", "Finding") or not node.args:
                continue
            literals = [_named(part) for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant | ast.Name)]
            code = literals[0] if literals else None
            if isinstance(code, str):
                severity = "error" if node.func.id == "FormatError" else node.args[1].value  # type: ignore[attr-defined]
                found.setdefault(code, set()).add(severity)
    worker = (REPOSITORY / "workers" / "validation.py").read_text("utf-8")
    for code in re.findall(r'(?:"code": |code, message = \(?\s*|code = )"(\w+)"', worker):
        found.setdefault(code, set()).add("error")
    return found


def test_the_page_and_the_code_list_the_same_codes() -> None:
    page = dict(ROW.findall((REPOSITORY / "docs" / "VALIDATION.md").read_text("utf-8")))
    source = _codes_in_source()
    assert set(page) - {"peft_not_buildable"} == set(source) - {"peft_not_buildable"}
    assert {code: {severity} for code, severity in page.items() if code in source} == {
        code: severities for code, severities in source.items() if code in page
    }


def test_no_code_is_listed_twice() -> None:
    rows = [code for code, _ in ROW.findall((REPOSITORY / "docs" / "VALIDATION.md").read_text("utf-8"))]
    assert len(rows) == len(set(rows)) > 30
