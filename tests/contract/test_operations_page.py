"""docs/OPERATIONS.md and the code name the same variables and the same system checks."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "OPERATIONS.md").read_text("utf-8")
# Read by a library, not by the settings.
OF_LIBRARIES = {"PROMETHEUS_MULTIPROC_DIR"}


def section(title: str) -> str:
    """The part of the page below this heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """What stands in backquotes at the beginning of a table's rows."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_every_variable_is_documented_once_and_every_documented_one_is_read():
    settings = (REPOSITORY / "hub" / "settings.py").read_text("utf-8")
    read = set(re.findall(r'env\.[a-z_]+\(\s*"([A-Z_]+)"', settings)) | OF_LIBRARIES
    documented = first_cells(section("Configuration"))
    assert len(documented) == len(set(documented))
    assert set(documented) == read


def test_every_documented_default_is_the_settings_default():
    settings = (REPOSITORY / "hub" / "settings.py").read_text("utf-8")
    plain = dict(re.findall(r'env\.(?:int|float)\(\s*"([A-Z_]+)",\s*default=([^)\n]+?)\s*\)', settings))
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([0-9.]+)` \|", section("Configuration"), re.MULTILINE))
    compared = {name: default for name, default in rows.items() if name in plain}
    assert len(compared) > 10
    assert compared == {name: _number(plain[name]) for name in compared}


def test_every_system_check_is_documented_with_its_fix_and_exists():
    sources = "".join(path.read_text("utf-8") for path in (REPOSITORY / "hub" / "checks").glob("*.py"))
    raised = set(re.findall(r'id="(hub\.[EW]\d{3})"', sources))
    assert set(first_cells(section("System checks"))) == raised


def _number(text: str) -> str:
    """``8 << 20`` as ``8388608``, ``24 * 3600`` as ``86400``."""
    found = re.match(r"([\d._]+)\s*(<<|\*)?\s*(\d*)", text)
    assert found, text
    left, operator, right = found.groups()
    if operator is None:
        return left.replace("_", "")
    return str(int(left) << int(right) if operator == "<<" else int(left) * int(right))
