"""Queue jobs through the hub's own services, in a process of its own: ``python -m benchmarks.service_queueing``."""

import json
import sys
import time
from pathlib import Path


def main(kind: str, count: int, folder: str) -> None:
    """Queue and print how many milliseconds each took."""
    import django

    django.setup()
    start = time.perf_counter()
    if kind == "nothing":
        _nothing(count)
    else:
        start = _validations(count, Path(folder))
    print(json.dumps({"submit_ms": (time.perf_counter() - start) / count * 1e3}))


def _nothing(count: int) -> None:
    from catalog.jobs.services import submit

    for _ in range(count):
        submit("bench_nothing", {})


def _validations(count: int, folder: Path) -> float:
    from catalog.bases.services import register_base
    from kernels.formats.base_shapes import BaseShapes
    from tests.functional.real_adapters import minilm_folder
    from tests.unit.catalog.factories import make_user, push

    owner = make_user("bench")
    shapes = BaseShapes.from_safetensors_folder(minilm_folder())
    table = {f"{path}.weight": list(module.shape) for path, module in shapes.modules.items()}
    config = json.loads((minilm_folder() / "config.json").read_text())
    register_base(owner, name="all-MiniLM-L6-v2", config=config, shapes=table)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    start = time.perf_counter()
    for number in range(count):
        card = b"---\nlicense: mit\nbase_model: all-MiniLM-L6-v2\n---\n# Adapter %d\n" % number
        push(owner, {**files, "README.md": card}, f"bench/lora-{number}")
    return start


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
