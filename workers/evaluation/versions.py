"""What a score depends on beside its settings: this harness and the libraries below it."""

import platform
from importlib.metadata import PackageNotFoundError, version

# Raised by whatever changes a score or the bytes of predictions.
HARNESS = 1
_LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "numpy", "scikit-learn", "scipy")


def versions(*more: str) -> dict[str, str]:
    """Names and versions; ``more`` are the packages that one harness needs besides."""
    found = {"harness": str(HARNESS), "python": platform.python_version()}
    for name in (*_LIBRARIES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
