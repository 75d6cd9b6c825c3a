"""The function of the job ``bayesianise``: the largest noise that an adapter bears, and how calibrated it makes it.

Training-free Bayesianisation (arXiv 2412.05723): see kernels/uncertainty.py for the mathematics. Nothing is trained and
no file is written; what comes out is one number, and the measurements before and after it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch

from kernels.lowrank import LowRankUpdate
from kernels.stitch.errors import CannotStitch
from kernels.uncertainty import (
    Calibration,
    Noise,
    as_metrics,
    calibration,
    largest_sigma,
    mean_probabilities,
    typical_size,
)
from workers.computing import Report
from workers.evaluation.asked import Asked
from workers.evaluation.base import Base
from workers.evaluation.bayesian_rows import Predictor, predictor_of
from workers.evaluation.errors import OutOfMemory, Refused, is_out_of_memory
from workers.evaluation.run import repeatable
from workers.evaluation.subjects import BaseChanged, laid_out, reason_of
from workers.evaluation.versions import versions

# About so many evaluations of the anchor rows are needed; progress is told by it.
_EXPECTED_TRIES = 12


def bayesianise(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Search the noise of one adapter and measure it: ``versions`` with ``result``, or with ``error``.

    ``argument`` is that of ``workers.evaluation.run:evaluate`` with one subject, and ``uncertainty``: ``samples``,
    ``tolerance``, ``measure`` (`accuracy` or `nll`) and ``anchor_rows``.
    """
    asked = Asked.from_argument(argument)
    device = torch.device(asked.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with repeatable(asked.threads):
        try:
            said = _bayesianise(asked, argument["uncertainty"], Base(asked.base, device), report)
            return {"versions": versions(), "result": said}
        except Refused as refusal:
            error = refusal.as_dict()
        except CannotStitch as reason:
            error = reason_of(reason).as_dict()
        except BaseChanged as changed:
            error = Refused("adapter_writes_base", str(changed)).as_dict()
        except (MemoryError, RuntimeError, OutOfMemory) as failure:
            if not is_out_of_memory(failure):
                raise
            error = Refused("resource_limit", "the model does not fit into the memory of the device").as_dict()
    return {"versions": versions(), "error": error}


def _bayesianise(asked: Asked, given: Mapping[str, Any], base: Base, report: Report) -> dict[str, Any]:
    start = perf_counter()
    subject = asked.subjects[0]
    seed, count, tolerance, measure = (
        subject.settings.seed,
        int(given["samples"]),
        float(given["tolerance"]),
        given["measure"],
    )
    predictor = predictor_of(asked, base, subject, int(given["anchor_rows"]))
    assert subject.files is not None
    with laid_out(subject.files, asked.scratch) as folder, predictor.on(folder) as model:
        noisy = NoisyAdapter(model, seed)
        anchor = _measured(predictor, noisy, "anchor", 0.0, 1)
        tried = 0

        def drop(sigma: float) -> float:
            nonlocal tried
            tried += 1
            report(min(0.9, tried / _EXPECTED_TRIES), f"noise {sigma:.3g}")
            return drop_of(measure, anchor, _measured(predictor, noisy, "anchor", sigma, count))

        found = largest_sigma(drop, tolerance=tolerance, start=noisy.size / 10 or 1e-3)
        report(0.95, "measuring on the split test")
        before = _measured(predictor, noisy, "test", 0.0, 1)
        after = _measured(predictor, noisy, "test", found.sigma, count) if found.sigma else before
        anchor_after = _measured(predictor, noisy, "anchor", found.sigma, count) if found.sigma else anchor
    return {
        "sigma": found.sigma,
        "before": as_metrics(before),
        "after": as_metrics(after),
        "used": predictor.as_used()
        | {
            "seed": seed,
            "samples": count,
            "tolerance": tolerance,
            "measure": measure,
            "modules": noisy.modules,
            "typical_size": noisy.size,
            "anchor_before": as_metrics(anchor),
            "anchor_after": as_metrics(anchor_after),
            "tried": [list(pair) for pair in found.tried],
            "device": base.device.type,
            "base_weights_digest": base.weights_digest,
        },
        "seconds": round(perf_counter() - start, 3),
    }


def drop_of(measure: str, before: Calibration, after: Calibration) -> float:
    """How much worse ``after`` is: accuracy lost, or nats of mean loss gained."""
    return before.accuracy - after.accuracy if measure == "accuracy" else after.nll - before.nll


def _measured(predictor: Predictor, noisy: "NoisyAdapter", split: str, sigma: float, count: int) -> Calibration:
    """Calibration of the mean of ``count`` sampled predictions on a split; of the adapter as it is for a sigma of 0."""
    samples = []
    for index in range(count if sigma else 1):
        with noisy.at(sigma, index):
            samples.append(predictor.probabilities(split))
    return calibration(mean_probabilities(samples), predictor.truth(split))


class NoisyAdapter:
    """The LoRA layers of a PeftModel, whose A can be moved and comes back bit for bit."""

    def __init__(self, model: Any, seed: int) -> None:
        """Raises Refused ``not_low_rank`` for an adapter that is no plain LoRA of linear layers."""
        self._weights = dict(_linear_factors(model))
        updates = {
            name: LowRankUpdate.from_lora(A.data, B.data, scale=scale) for name, (A, B, scale) in self._weights.items()
        }
        try:
            self._noise = Noise({name: update.to(device="cpu") for name, update in updates.items()}, seed=seed)
        except ValueError as error:
            raise Refused("not_low_rank", f"the adapter has no finite LoRA of linear layers: {error}") from error
        self.size = typical_size(updates)
        self.modules = len(updates)

    @contextmanager
    def at(self, sigma: float, index: int) -> Iterator[None]:
        """Inside, A carries the noise of the sample ``index`` times ``sigma``."""
        if not sigma:
            yield
            return
        originals = {name: A.data for name, (A, _, _) in self._weights.items()}
        try:
            for name, change in self._noise.sample(index).items():
                A = self._weights[name][0]
                A.data = (A.data + sigma * change.to(A.device)).to(A.dtype)
            yield
        finally:
            for name, data in originals.items():
                self._weights[name][0].data = data


def _linear_factors(model: Any) -> Iterator[tuple[str, tuple[Any, Any, float]]]:
    from peft.tuners.lora import LoraLayer

    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        for adapter in module.active_adapters:
            if adapter not in module.lora_A:
                continue
            A, B = module.lora_A[adapter].weight, module.lora_B[adapter].weight
            if A.ndim != 2 or (getattr(module, "use_dora", None) or {}).get(adapter):
                raise Refused(
                    "not_low_rank", f"{name} is no plain LoRA of a linear layer", "Merge it into a LoRA first."
                )
            yield name, (A, B, float(module.scaling[adapter]))
