"""The function of the job ``evaluate``: one base model, one set, up to twenty subjects one after the other."""

import gc
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
import transformers

from kernels.stitch.errors import CannotStitch
from workers.computing import Report
from workers.evaluation.adapters import kind_of
from workers.evaluation.asked import Asked, Subject
from workers.evaluation.base import Base
from workers.evaluation.errors import OutOfMemory, Refused, is_out_of_memory
from workers.evaluation.harnesses import Bench, Harness, harness_of
from workers.evaluation.subjects import BaseChanged, reason_of
from workers.evaluation.versions import versions

log = logging.getLogger(__name__)


def evaluate(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Measure every subject of ``argument`` and return ``versions`` and ``results``, one for each subject.

    What is wrong with the set or the base is every subject's error; what is wrong with one subject is its own, and the
    others go on. The argument and the results are described in docs/EVALUATION.md.
    """
    asked = Asked.from_argument(argument)
    device = torch.device(asked.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    done = 0

    def tell(share: float) -> None:
        report((done + min(share, 1.0)) / len(asked.subjects), f"evaluation {done + 1} of {len(asked.subjects)}")

    with repeatable(asked.threads):
        try:
            tell(0.0)
            bench = Bench(asked, Base(asked.base, device), tell)
            harness = harness_of(asked.set.harness)(bench)
        except Refused as refusal:
            return _ended(asked, (), [_failed(subject, refusal) for subject in asked.subjects])
        results: dict[int, dict[str, Any]] = {}
        # Those that need the same class of the base follow each other: then it is loaded once for them all.
        for place in sorted(range(len(asked.subjects)), key=lambda place: kind_of(asked.subjects[place])):
            results[place] = _measured(harness, bench, asked.subjects[place])
            done += 1
    return _ended(asked, harness.packages, [results[place] for place in range(len(asked.subjects))])


def _ended(asked: Asked, packages: tuple[str, ...], results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"versions": versions(*packages), "results": results}


def _measured(harness: Harness, bench: Bench, subject: Subject) -> dict[str, Any]:
    start = perf_counter()
    torch.manual_seed(subject.settings.seed)
    try:
        measured = harness.measure(subject)
    except BaseChanged as error:
        bench.base.forget()
        return _failed(subject, Refused("adapter_writes_base", f"{error}; it cannot be measured on a shared one"))
    except CannotStitch as error:
        return _failed(subject, reason_of(error))
    except Refused as refusal:
        return _failed(subject, refusal)
    except Exception as error:
        if is_out_of_memory(error):
            return _failed(subject, _no_memory(error))
        log.exception("evaluation %s failed", subject.evaluation_id)
        bench.base.forget()
        return _failed(subject, Refused("evaluation_failed", f"{type(error).__name__}: {error}"[:1000]))
    finally:
        gc.collect()
    used = _used(bench, subject) | measured.used
    return {
        "evaluation_id": subject.evaluation_id,
        "metrics": measured.metrics,
        "predictions": measured.predictions,
        "used": used,
        "efficiency": measured.efficiency,
        "seconds": round(perf_counter() - start, 3),
    }


def _used(bench: Bench, subject: Subject) -> dict[str, Any]:
    device = bench.base.device
    return {
        "seed": subject.settings.seed,
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        "threads": torch.get_num_threads(),
        "dtype": bench.base.dtype,
        "base_weights_digest": bench.base.weights_digest,
    }


def _failed(subject: Subject, refusal: Refused) -> dict[str, Any]:
    return {"evaluation_id": subject.evaluation_id, "error": refusal.as_dict()}


def _no_memory(error: Exception) -> Refused:
    detail = str(error) if isinstance(error, OutOfMemory) else "the model does not fit into the memory of the device"
    return Refused("resource_limit", detail, "Ask for fewer tokens with `max_tokens`, or for a larger device.")


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Fixed threads and algorithms inside; whatever was set comes back."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # Collecting after each subject looks at what the job made, not at every library's objects.
    gc.freeze()
    try:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
