"""``make soak``: ``python -m tests.soak --minutes 10 [--postgres] [--swift]``; the exit status says how it went."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import soak
from tests.soak.world import places, world


def main() -> int:
    """Run, print the report, and keep the hub's log where something went wrong."""
    parser = argparse.ArgumentParser(description="Pushes, deletions, rejections and pulls with GC every two seconds.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--swift", action="store_true", help="on an S3 server instead of a folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o755)
    with (
        places(folder, has_postgres=options.postgres, has_swift=options.swift) as place,
        world(folder / "hub", place("hub")) as made,
    ):
        done = soak(made, folder / "people", seconds=options.minutes * 60)
    print(done.report())
    if not done.is_good:
        print(f"the hub's log: {folder / 'hub' / 'serve.log'}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
