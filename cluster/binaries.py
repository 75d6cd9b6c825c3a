"""Where the servers' programs are, and which package brings one that is missing."""

import shutil
import sys
from pathlib import Path


class MissingProgramError(RuntimeError):
    """A program of the topology is not on this machine; the message says which package has it."""


def find_program(name: str, *, package: str, folders: tuple[str, ...] = ()) -> str:
    """The path of a program on PATH, in /usr/sbin or in ``folders``. Raises MissingProgramError."""
    for folder in (None, "/usr/sbin", "/usr/local/sbin", *folders):
        found = shutil.which(name, path=folder)
        if found:
            return found
    raise MissingProgramError(f"{name} is missing: install {package}.")


def find_script(name: str, *, requirements: str) -> str:
    """The path of a program beside this interpreter. Raises MissingProgramError."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise MissingProgramError(f"{name} is missing: pip install -r requirements/{requirements}.")
    return str(path)
