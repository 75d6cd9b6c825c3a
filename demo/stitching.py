"""Run in a process of its own: pulls and stitches adapters by name, and measures them on held-out texts.

    HUB_TOKEN=... python -m demo.stitching --hub URL --base FOLDER ORG/NAME@VERSION=HELD_OUT.json ...

Prints one JSON line for each adapter: name, accuracy and the SHA-256 of the logits. One that `--compressed` names is
measured once more as it comes by the basis of its family; that line has the bytes too.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from demo.measuring import LabelledTexts, load_tokenizer, make_deterministic, measure
from hubclient import Hub
from hubclient.compressed import plan_compressed

SEED = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every adapter named on the command line; the token comes from HUB_TOKEN."""
    parser = argparse.ArgumentParser(prog="python -m demo.stitching", description="Pull, stitch and measure adapters.")
    parser.add_argument("--hub", required=True, help="URL of the hub")
    parser.add_argument("--base", required=True, type=Path, help="folder of the base model")
    parser.add_argument("--compressed", action="append", default=[], metavar="ORG/NAME@VERSION")
    parser.add_argument("adapters", nargs="+", metavar="ORG/NAME@VERSION=HELD_OUT.json")
    options = parser.parse_args(arguments)
    make_deterministic(SEED)
    tokenizer = load_tokenizer(options.base)
    # A cache of its own, so that nothing pulled earlier can stand in for what the hub serves now.
    with tempfile.TemporaryDirectory(prefix="hub-cache-") as cache, Hub(options.hub, cache=Path(cache)) as hub:
        for named in options.adapters:
            name, _, held_out_file = named.partition("=")
            texts = LabelledTexts.read(Path(held_out_file))
            measured = measure(hub.stitch(str(options.base), name), tokenizer, texts)
            print(json.dumps({"name": name, **asdict(measured)}), flush=True)
            if name in options.compressed:
                # Merged, as one would serve it: nothing is compared bit for bit here.
                model = hub.stitch(str(options.base), name, is_compressed=True).merge_and_unload()
                measured = measure(model, tokenizer, texts)
                member = plan_compressed(hub, name).members[0]
                told = {"pulled_bytes": member.size_bytes, "original_bytes": member.original_bytes}
                print(json.dumps({"name": name, **asdict(measured), **told}), flush=True)


if __name__ == "__main__":
    main()
