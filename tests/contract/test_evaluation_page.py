"""docs/EVALUATION.md names every harness, every key of a manifest and every setting that the hub takes."""

import pytest

from catalog.evaluations.harnesses import ASKED
from catalog.evaluations.manifests import _OF_THE_FOLDER, _TYPES
from catalog.evaluations.options import read_settings
from tests.contract.design_page import REPOSITORY

PAGE = (REPOSITORY / "docs" / "EVALUATION.md").read_text("utf-8")


@pytest.mark.parametrize("harness", sorted(ASKED))
def test_every_harness_is_described_with_the_parts_that_it_needs(harness):
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{harness}` |"))
    for part in ASKED[harness].parts[ASKED[harness].answered]:
        assert f"`{part}`" in line, part


@pytest.mark.parametrize("key", sorted({*_TYPES, *_OF_THE_FOLDER} - {"name"}))
def test_every_key_of_a_manifest_is_described(key):
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("setting", sorted(read_settings({})))
def test_every_setting_is_described(setting):
    assert f"`{setting}`" in PAGE
