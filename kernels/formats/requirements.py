"""What an adapter asks of a base model: the checked shapes of its file without its rank, and how a base answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..methods import Recognition, recognise
from .base_match import Match, match_base
from .base_shapes import BaseShapes
from .canonical import Grouped, LowRankPair, Shapes
from .dialects import detect, group
from .errors import Finding, FormatError
from .ranged import RangedFile

FORMAT_VERSION = 1
NOT_VERIFIED = "not_verified_offline"
"""The finding that says that PEFT was not there to judge."""
Verdict = Literal["fits", "differs", "unknown"]
_FROM_PEFT_ONLY = frozenset({"qa-lora", "bd-lora", "lora-moe-parameters", "kasa", "velora", "monteclora"})
_PAIR_FIELDS = ("module", "kind", "d_in", "d_out", "kernel", "is_transposed", "a_name", "b_name")


@dataclass(frozen=True)
class Comparison:
    """How requirements compare with a base model's shapes.

    ``unknown``: nothing was compared, or only PEFT itself could tell. `findings` are the errors alone.
    """

    verdict: Verdict
    checked: int
    unmatched: int
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Checks:
    """What shapes can say of a file: which modules only PEFT can judge, and whether soft prompts may be prefixes."""

    asks_peft: bool
    unchecked: frozenset[str]
    may_be_prefix: bool


def how_to_check(grouped: Grouped, recognised: Recognition) -> Checks:
    """By its method and options."""
    odd = bool(set(recognised.options) & _FROM_PEFT_ONLY)
    return Checks(
        asks_peft=(recognised.method != "lora" or odd) and grouped.format == "peft",
        unchecked=frozenset(pair.module for pair in grouped.pairs) if odd else frozenset(),
        may_be_prefix=recognised.method in ("prefix-tuning", "cartridge", "unknown"),
    )


@dataclass(frozen=True)
class Requirements:
    """The shapes that a base model must have. Two files of one training script, of any rank, have the same.

    Pairs stand without their rank; copies and the tensors of other methods stand as they are. `asks_peft`: only PEFT
    itself can judge those tensors; `confirmed_on` then holds the rows of the base model on which it accepted them,
    and a base with the same rows is as good.
    """

    format: str
    pairs: tuple[LowRankPair, ...] = ()
    copies: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    tensors: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    may_be_prefix: bool = True
    asks_peft: bool = False
    unchecked: tuple[str, ...] = ()
    confirmed_on: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        grouped: Grouped,
        shapes: Shapes,
        recognised: Recognition,
        *,
        confirmed_on: BaseShapes | None,
    ) -> Requirements:
        """Of a file that was read; `confirmed_on` is the base model that all its tensors were found to fit, or None."""
        how = how_to_check(grouped, recognised)
        tensors = {name: (grouped.module_of.get(name, ""), shapes[name]) for name in grouped.method_tensors}
        pairs = [_without_rank(pair) for pair in grouped.pairs]
        rows = None
        if how.asks_peft and confirmed_on is not None:
            rows = _rows_asked(confirmed_on, [pair.module for pair in pairs], tensors)
        return cls(
            grouped.format,
            tuple(sorted(pairs, key=lambda pair: (pair.module, pair.kind, pair.a_name))),
            {name: (module, shapes[name]) for name, module in sorted(grouped.saved.items())},
            dict(sorted(tensors.items())),
            how.may_be_prefix,
            how.asks_peft,
            tuple(sorted(how.unchecked)),
            rows,
        )

    @classmethod
    def of_file(cls, file: RangedFile, config: Mapping[str, Any], *, confirmed_on: BaseShapes | None) -> Requirements:
        """Of a file of which only the header is read, and the few numbers that its pairs are scaled by."""
        shapes = file.header.shapes
        dialect = detect(config or None, shapes)
        grouped = group(dialect, config, shapes, file.number)
        return cls.of(grouped, shapes, recognise(config, shapes, dialect=dialect), confirmed_on=confirmed_on)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Requirements:
        """The reverse of `as_dict`. Raises FormatError `requirements_malformed`."""
        try:
            if table["format_version"] != FORMAT_VERSION:
                raise ValueError(f"version {table['format_version']!r} is not known")
            pairs = [dict(zip(_PAIR_FIELDS, row, strict=True)) for row in table["pairs"]]
            return cls(
                str(table["format"]),
                tuple(LowRankPair(**{**row, "kernel": tuple(row["kernel"])}, rank=1) for row in pairs),
                {name: (module, tuple(shape)) for name, (module, shape) in table["copies"].items()},
                {name: (module, tuple(shape)) for name, (module, shape) in table["tensors"].items()},
                bool(table["may_be_prefix"]),
                bool(table["asks_peft"]),
                tuple(table["unchecked"]),
                table["confirmed_on"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError("requirements_malformed", f"The requirements cannot be read: {error}.") from None

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable, versioned form, everything in order."""
        return {
            "format_version": FORMAT_VERSION,
            "format": self.format,
            "pairs": [_listed([getattr(pair, name) for name in _PAIR_FIELDS]) for pair in self.pairs],
            "copies": {name: [module, list(shape)] for name, (module, shape) in self.copies.items()},
            "tensors": {name: [module, list(shape)] for name, (module, shape) in self.tensors.items()},
            "may_be_prefix": self.may_be_prefix,
            "asks_peft": self.asks_peft,
            "unchecked": list(self.unchecked),
            "confirmed_on": self.confirmed_on,
        }

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: equal requirements, equal digest."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def modules(self) -> int:
        """How many modules the file changes."""
        named = {pair.module for pair in self.pairs} | {module for module, _ in self.tensors.values()}
        return len(named - {""})

    def compare(self, base: BaseShapes, ranks: Mapping[str, int] | None = None, rank: int = 1) -> Comparison:
        """Whether a base model of these shapes takes the adapter; every tensor that does not fit is a finding.

        `ranks` by module, `rank` elsewhere: with them the shapes that are named are those of the file.
        """
        grouped, shapes = self._rebuilt(ranks or {}, rank)
        match = match_base(grouped, shapes, base, frozenset(self.unchecked), may_be_prefix=self.may_be_prefix)
        is_known = True
        if self.asks_peft and not match.unmatched:
            is_known = self._compare_rows(match, base)
        errors = [finding for finding in match.findings if finding.severity == "error"]
        verdict: Verdict = "fits" if is_known and match.checked else "unknown"
        return Comparison("differs" if match.unmatched else verdict, match.checked, match.unmatched, errors)

    def _rebuilt(self, ranks: Mapping[str, int], rank: int) -> tuple[Grouped, Shapes]:
        """The file as its reader saw it, with these ranks."""
        shapes: Shapes = {name: shape for name, (_, shape) in (self.copies | self.tensors).items()}
        pairs = []
        for row in self.pairs:
            pair = LowRankPair(**{**vars(row), "rank": ranks.get(row.module, rank)})
            a, b = (pair.rank, pair.d_in, *pair.kernel), (pair.d_out, pair.rank, *(1 for _ in pair.kernel))
            shapes |= {pair.a_name: a[::-1], pair.b_name: b[::-1]} if pair.is_transposed else {
                pair.a_name: a, pair.b_name: b
            }  # fmt: skip
            pairs.append(pair)
        grouped = Grouped(
            self.format,
            pairs=pairs,
            saved={name: module for name, (module, _) in self.copies.items()},
            method_tensors=list(self.tensors),
            module_of={name: module for name, (module, _) in self.tensors.items() if module},
        )
        return grouped, shapes

    def _compare_rows(self, match: Match, base: BaseShapes) -> bool:
        """Compare with the rows on which PEFT accepted the tensors; returns whether that settles it."""
        was = self.confirmed_on
        if was is None:
            return False
        now = _rows_asked(base, [pair.module for pair in self.pairs], self.tensors)
        tensor_of = {module: name for name, (module, _) in reversed(self.tensors.items())}
        tensor_of |= {pair.module: pair.a_name for pair in self.pairs}
        for module, rows in was["modules"].items():
            match.checked += len(rows)
            for below, row in rows.items():
                received = now["modules"].get(module, {}).get(below)
                if row != received:
                    match.fail(_other_row(tensor_of.get(module, module), f"{module}{below}", row, received, base))
        return bool(was["sizes"] == now["sizes"])


def _without_rank(pair: LowRankPair) -> LowRankPair:
    return LowRankPair(**{**vars(pair), "rank": 1, "scale": 1.0, "middle_name": None})


def _rows_asked(
    base: BaseShapes, paired: list[str], tensors: Mapping[str, tuple[str, tuple[int, ...]]]
) -> dict[str, Any]:
    """The rows of the base's table that PEFT builds such tensors from, and sizes where some belong to no module."""
    modules = {module.removesuffix(".base_layer") for module in paired}
    modules |= {module.removesuffix(".base_layer") for module, _ in tensors.values()}
    has_loose = any(not module for module, _ in tensors.values())
    rows: dict[str, dict[str, list[Any]]] = {}
    for module in sorted(modules - {""}):
        found = base.find(module)
        named = {"": found[1]} if found else base.below(module)
        rows[module] = {below: [row.kind, list(row.shape)] for below, row in sorted(named.items())}
    sizes = [base.model_type, base.hidden_size, base.num_layers] if has_loose else []
    return {"modules": rows, "sizes": sizes}


def _other_row(tensor: str, module: str, row: list[Any], received: list[Any] | None, base: BaseShapes) -> Finding:
    if received is None:
        return Finding(
            "module_unknown", "error", f"{base.id} has no module {module!r}, which {tensor!r} is for.",
            "Is this the base model it was trained on?", tensor=tensor,
            expected=f"a module of {base.id}", received=module,
        )  # fmt: skip
    return Finding(
        "shape_mismatch", "error",
        f"{tensor!r} is for {module} of weight {row[1]}; that of {base.id} is {received[1]} ({received[0]}).",
        "Is this the base model it was trained on?", tensor=tensor, expected=received[1], received=row[1],
    )  # fmt: skip


def _listed(values: list[Any]) -> list[Any]:
    return [list(value) if isinstance(value, tuple) else value for value in values]
