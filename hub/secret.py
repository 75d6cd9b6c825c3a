"""The embedded profile's secret key: made once, kept in the data folder, readable by its owner alone."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def embedded_secret_key(data_dir: Path) -> str:
    """The key stored in ``data_dir``, made on first use. Two processes starting together agree on one."""
    path = data_dir / "secret_key"
    if not path.exists():
        temporary = data_dir / f".secret_key.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as sink:
            sink.write(get_random_secret_key())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text()
