"""What a training job was asked for: base model, members or teacher, labelled rows, and how long to train."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.evaluation.asked import Asked, AskedSet


@dataclass(frozen=True)
class Plan:
    """How both sides are trained. ``learning_rate`` is that of a LoRA and of heads; coefficients have their own."""

    rank: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    coefficient_learning_rate: float = 0.02
    limit: int | None = None
    max_tokens: int | None = None

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Plan":
        """The settings that training knows; others, which only one kind of job knows, are left out."""
        return cls(**{name: given[name] for name in cls.__dataclass_fields__ if given.get(name) is not None})


@dataclass(frozen=True)
class Subspace:
    """Which directions of the members span what is learnt: so many, or as many as explain this share of energy."""

    components: int | None
    energy: float | None
    is_centred: bool
    directions: int
    """Random ones beside the principal ones, for what the members do not know."""

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Subspace":
        """Of a recipe's settings."""
        return cls(given.get("components"), given.get("energy"), bool(given["is_centred"]), int(given["directions"]))


@dataclass(frozen=True)
class AdaptAsked:
    """The argument of the job ``adapt``; ``rows`` is an evaluation's argument without subjects."""

    rows: Asked
    argument: Mapping[str, Any]
    base_id: str
    split: str
    members: tuple[Mapping[str, Path], ...]
    basis: Path | None
    """A family's basis file; then no members are read."""
    plan: Plan
    subspace: Subspace
    output: Path
    scratch: Path

    @classmethod
    def from_argument(cls, argument: Mapping[str, Any]) -> "AdaptAsked":
        settings = argument["settings"]
        return cls(
            rows=Asked.from_argument({**argument, "subjects": []}),
            argument=argument,
            base_id=str(argument["base_id"]),
            split=str(settings["split"]),
            members=tuple(local_paths(files) for files in argument["members"]),
            basis=Path(argument["basis"]) if argument.get("basis") else None,
            plan=Plan.from_dict(settings),
            subspace=Subspace.from_dict(settings),
            output=Path(argument["out"]),
            scratch=Path(argument["scratch"]),
        )


@dataclass(frozen=True)
class TransferAsked:
    """The argument of the job ``transfer``: a teacher on its own base, texts, and the base model of the student."""

    argument: Mapping[str, Any]
    old_base: Path
    new_base: Path
    source: Mapping[str, Path]
    texts: AskedSet
    split: str
    plan: Plan
    temperature: float
    held_out: float
    targets: tuple[str, ...]
    threads: int
    output: Path
    scratch: Path

    @classmethod
    def from_argument(cls, argument: Mapping[str, Any]) -> "TransferAsked":
        settings, text = argument["settings"], argument["texts"]
        return cls(
            argument=argument,
            old_base=Path(argument["old_base"]["path"]),
            new_base=Path(argument["base"]["path"]),
            source=local_paths(argument["source"]),
            texts=Asked.from_argument({**argument, "set": text, "subjects": []}).set,
            split=str(settings["split"]),
            plan=Plan.from_dict(settings),
            temperature=float(settings["temperature"]),
            held_out=float(settings["held_out"]),
            targets=tuple(settings.get("target_modules") or ()),
            threads=int(argument.get("threads") or 1),
            output=Path(argument["out"]),
            scratch=Path(argument["scratch"]),
        )


def local_paths(files: Mapping[str, str]) -> dict[str, Path]:
    """Where the files of an adapter lie, by their paths in it."""
    return {name: Path(place) for name, place in files.items()}
