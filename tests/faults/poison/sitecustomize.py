"""Loaded by the workers' Python at its start: a child that inspects a card with ``poison: SIGKILL`` in it dies of it.

It stands for a file that crashes a library, takes all memory, or never ends (``SIGSTOP``), on every attempt.
"""

import importlib.abc
import importlib.util
import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_POISONED = "workers.computing"
_POISON = re.compile(r"^poison: (SIG[A-Z]+)$", re.MULTILINE)


class _Poison(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the module as ever, then puts the poison before its inspection."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _POISONED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        inspect = module.inspect_revision

        def inspect_revision(argument: dict[str, Any], report: Any) -> Any:
            card = argument["files"].get("README.md")
            found = _POISON.search(Path(card).read_text()) if card else None
            if found:
                os.kill(os.getpid(), signal.Signals[found[1]])
            return inspect(argument, report)

        module.inspect_revision = inspect_revision  # type: ignore[attr-defined]


sys.meta_path.insert(0, _Poison())
