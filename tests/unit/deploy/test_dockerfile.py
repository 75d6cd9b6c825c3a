"""The Dockerfile: lints clean, copies what exists, and its web image has all it needs and no torch."""

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

from tests.unit.deploy.compose import REPOSITORY

TEXT = (REPOSITORY / "Dockerfile").read_text()
COPIED = [
    (source, target)
    for *sources, target in (line.split()[1:] for line in TEXT.splitlines() if re.match(r"COPY (?!--from)", line))
    for source in sources
]
PROGRAM = """
import sys, django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
import hub.wsgi, hub.celery, workers.tasks, workers.kinds, workers.sender, gunicorn.app.wsgiapp
print(sorted(name for name in sys.modules if name in ("torch", "transformers", "peft", "scipy")))
"""


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_copied_exists_and_reaches_the_builder() -> None:
    allowed = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert COPIED
    for source, _ in COPIED:
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), f".dockerignore keeps {source} back"


def test_nothing_secret_or_large_reaches_the_builder() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything is kept back that is not named"
    assert not [line for line in lines if line.startswith("!") and re.search(r"env|data|var|tests", line)]


def test_no_image_runs_as_root() -> None:
    stages = re.split(r"^FROM ", TEXT, flags=re.M)
    for name in ("web", "worker"):
        (stage,) = [stage for stage in stages if re.match(rf"\S+ AS {name}\n", stage)]
        assert re.search(r"^USER 10001:10001$", stage, flags=re.M), name


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files of the web image, and an interpreter that has the packages of base.txt and no others."""
    root = tmp_path / "image"
    for source, target in COPIED:
        to = (
            root / target / Path(source).name
            if target.endswith("/") and (REPOSITORY / source).is_file()
            else root / target
        )
        if (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / source, to)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    for line in (REPOSITORY / "requirements" / "base.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?==", line):
            install(match[1], packages)
    return root


def install(name: str, packages: Path) -> None:
    """Link an installed package into another folder, as pip would put it there."""
    installed = metadata.distribution(name)
    for top in {Path(file).parts[0] for file in installed.files or () if not str(file).startswith(("..", "/"))}:
        source = Path(str(installed.locate_file(top)))
        if source.exists() and not (packages / top).exists() and top != "__pycache__":
            (packages / top).symlink_to(source)


def test_the_web_image_has_all_it_needs_and_no_torch(image: Path) -> None:
    python = image.parent / "venv" / "bin" / "python"
    environment = {"HUB_DATA_DIR": str(image.parent / "data"), "DJANGO_SETTINGS_MODULE": "hub.settings"}
    for command in (["manage.py", "check"], ["-c", PROGRAM]):
        done = subprocess.run([python, *command], cwd=image, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    absent = subprocess.run([python, "-c", "import torch"], cwd=image, env=environment, capture_output=True, text=True)
    assert "No module named 'torch'" in absent.stderr
