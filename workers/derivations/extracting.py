"""The function of the job ``extract``: a LoRA out of what fine-tuning changed in a checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kernels.copies import Copies
from kernels.formats.peft import ROOT
from kernels.lowrank_io import Layout
from kernels.merging import Extraction, extract_lora
from kernels.merging.extraction import Checkpoint
from workers.computing import Report
from workers.derivations.card import card_of
from workers.derivations.folder import DTYPES, write_folder
from workers.derivations.settled import made_with, refusing, settled
from workers.evaluation.base import Base
from workers.evaluation.errors import Refused

_TASKS = {
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
    "ForCausalLM": "CAUSAL_LM",
    "LMHeadModel": "CAUSAL_LM",
    "ForConditionalGeneration": "SEQ_2_SEQ_LM",
}
_HEADS = ("classifier", "score", "qa_outputs")
# Linear layers of this type are stored as (d_in, d_out).
_TRANSPOSED = frozenset({"gpt2", "openai-gpt", "imagegpt"})
_MOST_LISTED = 50


def extract(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Write the best LoRA for ``tuned - base`` into ``out``; gives ``report``, ``made_with`` and ``card``.

    ``argument``: ``base`` and ``tuned`` (``name``, ``path`` of a folder with safetensors), ``recipe``, ``out``. A head
    that only the tuned checkpoint has goes along in full; everything else that changed and is no linear layer is left
    out and listed.

    Raises:
        Refused: ``changes_nothing``, ``recipe_refused``.
    """
    recipe = argument["recipe"]
    base, tuned = Path(argument["base"]["path"]), Path(argument["tuned"]["path"])
    with settled(argument), refusing():
        config = _config(tuned)
        found = extract_lora(
            base,
            tuned,
            rank=recipe["rank"],
            energy=recipe.get("energy"),
            is_transposed=config.get("model_type") in _TRANSPOSED,
            seed=recipe["seed"],
            prefix=prefix_of(Checkpoint(base).names, Checkpoint(tuned).names),
            progress=lambda share: report(0.9 * share, "comparing the checkpoints"),
        )
        if not found.adapter:
            raise Refused("changes_nothing", "no linear layer of the two checkpoints differs")
        head = _head(tuned, found.left_out, config)
        left_out = {name: why for name, why in found.left_out.items() if f"{ROOT}{name}" not in head.tensors}
        card = _card(argument, len(found.adapter), max(found.errors.values()), left_out)
        size = write_folder(
            Path(argument["out"]),
            found.adapter,
            base_model=argument["base"]["name"],
            layout=Layout(),
            copies=head,
            companions={},
            card=card,
            dtype=DTYPES[recipe["dtype"]],
            task_type=next((task for end, task in _TASKS.items() if _architecture(config).endswith(end)), None),
        )
    made = made_with(argument, torch.device("cpu"))
    digests = {
        name: Base(path, torch.device("cpu")).weights_digest for name, path in (("base", base), ("tuned", tuned))
    }
    return {
        "report": _report(argument, found, left_out, head) | {"weights_bytes": size},
        "made_with": made | {"weights_digests": digests},
        "card": card,
    }


def _report(
    argument: Mapping[str, Any], found: Extraction, left_out: Mapping[str, str], head: Copies
) -> dict[str, Any]:
    errors = found.errors
    kept = {"adapter": argument["tuned"]["name"], "modules": ", ".join(sorted(set(head.modules.values())))}
    return {
        "metric": "relative Frobenius error of each difference, not squared",
        "modules": {
            name: {"relative_error": errors[name], "rank_after": update.rank} for name, update in found.adapter.items()
        },
        "largest_relative_error": max(errors.values()),
        "left_out": dict(list(left_out.items())[:_MOST_LISTED]),
        "left_out_count": len(left_out),
        "heads": [kept | {"fate": "kept as it was", "bytes": head.size_bytes}] if head.tensors else [],
    }


def prefix_of(base: list[str], tuned: list[str]) -> str:
    """What stands before the base's names in the tuned checkpoint: `bert.` where that holds a model with a head."""
    known = set(base)
    if known & set(tuned):
        return ""
    candidates = {f"{name.partition('.')[0]}." for name in tuned}
    return max(sorted(candidates), key=lambda prefix: sum(name.removeprefix(prefix) in known for name in tuned))


def _head(tuned: Path, left_out: Mapping[str, str], config: Mapping[str, Any]) -> Copies:
    """The tensors of a head that the base lacks, and what the config must say so that they are found."""
    names = [
        name for name in left_out if name.split(".")[0] in _HEADS and left_out[name] == "only in the tuned checkpoint"
    ]
    if not names:
        return Copies()
    checkpoint = Checkpoint(tuned)
    options = {"modules_to_save": sorted({name.split(".")[0] for name in names})}
    labels = {key: config[key] for key in ("id2label", "label2id") if config.get(key)}
    return Copies(
        {f"{ROOT}{name}": checkpoint.tensor(name) for name in names},
        {f"{ROOT}{name}": name.split(".")[0] for name in names},
        options | labels,
    )


def _config(folder: Path) -> dict[str, Any]:
    read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else {}


def _architecture(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def _card(argument: Mapping[str, Any], modules: int, error: float, left_out: Mapping[str, str]) -> str:
    recipe = argument["recipe"]
    told = f"rank {recipe['rank']}" + (f", energy {recipe['energy']}" if recipe.get("energy") else "")
    base, tuned = argument["base"]["name"], argument["tuned"]["name"]
    intro = f"What fine-tuning changed in {base} to make {tuned}, as a LoRA ({told})."
    notes = [f"{modules} linear layers, with a relative error of at most {error:.4g} each."]
    if left_out:
        notes.append(
            f"{len(left_out)} tensors that changed or were added are not in it, {next(iter(left_out))} among them."
        )
    return card_of(argument, title="A LoRA out of a checkpoint", intro=intro, table=[], notes=notes)
