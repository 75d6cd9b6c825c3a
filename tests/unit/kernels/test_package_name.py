"""The folder is called kernels and so is a package that transformers looks for: neither may disturb the other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def run(code: str, folder: Path = REPOSITORY, path: Path = REPOSITORY) -> str:
    """Standard output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_importing_the_package_loads_nothing() -> None:
    code = (
        "before = set(sys.modules); import kernels\n"
        "print(sorted(set(sys.modules) - before), hasattr(kernels, '__version__'))"
    )
    assert run(code) == "['kernels'] False"


def test_formats_need_no_torch_and_no_django() -> None:
    code = (
        "import kernels.formats.inspection, kernels.formats.compatibility\n"
        "print(sorted({'torch', 'transformers', 'peft', 'django'} & set(sys.modules)))"
    )
    assert run(code) == "[]"


def test_compatibility_needs_not_even_numpy() -> None:
    assert run("import kernels.formats.compatibility; print('numpy' in sys.modules)") == "False"


def test_public_names_load_on_first_use_and_others_do_not_exist() -> None:
    code = "import kernels; print(kernels.inspect_folder.__module__, hasattr(kernels, 'get_kernel'))"
    assert run(code) == "kernels.formats.inspection False"


def test_transformers_works_from_the_checkout_and_loads_nothing_of_ours() -> None:
    pytest.importorskip("transformers", reason="the rule is about transformers")
    code = (
        "import transformers\n"
        "print(sorted(name for name in sys.modules if name.startswith('kernels')), 'torch' in sys.modules)\n"
        "sizes = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)\n"
        "config = transformers.BertConfig(**sizes)\n"
        "model = transformers.BertModel(config)\n"
        "print(sorted(name for name in sys.modules if name.startswith('kernels.')), type(model).__name__)"
    )
    first, second = run(code).splitlines()
    assert first in ("[] False", "['kernels'] False")
    assert second == "[] BertModel"


def test_the_library_installs_under_its_own_name(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="building needs setuptools")
    source = tmp_path / "source"
    shutil.copytree(REPOSITORY / "kernels", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = subprocess.run(
        [*command, "--target", str(tmp_path / "site"), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    code = (
        "import adapterkernels, adapterkernels.formats.inspection as inspection\n"
        "from adapterkernels.methods import methods\n"
        "from adapterkernels.formats.adapter_config import known_types\n"
        "print(len(methods()) > 100, len(known_types()) >= 45, 'kernels' in sys.modules, inspection.__name__)"
    )
    assert run(code, tmp_path, tmp_path / "site") == "True True False adapterkernels.formats.inspection"
