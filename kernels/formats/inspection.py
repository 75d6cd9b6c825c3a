"""One inspection of an adapter's folder: the worker's verdict and `hubclient check`'s are this function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..methods import Recognition, by_id, recognise
from .adapter_config import check_config, known_types, load_config
from .base_match import Match, compare_expected, match_base
from .base_shapes import BaseShapes
from .canonical import Grouped
from .dialects import detect, group
from .disagreements import declared_base as base_declaration
from .disagreements import find_disagreements
from .errors import Finding, FormatError
from .facts import build_facts
from .folder import (
    CONFIG_NAME,
    check_files,
    choose_weights,
    looks_like_lfs_pointer,
    looks_like_pickle,
    pickle_finding,
)
from .requirements import NOT_VERIFIED, Requirements, how_to_check
from .safetensors_header import Header, Limits, read_header
from .tensor_data import read_tensor
from .values import MAX_LISTED, finite_findings, inert_modules, noop_findings, scan, spectra

Progress = Callable[[float, str], None]
ExpectedShapes = Callable[[dict[str, Any]], Mapping[str, tuple[int, ...]]]


@dataclass
class Inspection:
    """What an adapter is and what is wrong with it."""

    verdict: Literal["accepted", "refused"] = "accepted"
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    requirements: Requirements | None = None
    """What the file asks of a base model; None where no weights could be read."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {
            "verdict": self.verdict,
            "facts": self.facts,
            "findings": [finding.as_dict() for finding in self.findings],
            "disagreements": self.disagreements,
        }


def inspect_folder(
    files: Mapping[str, Path],
    *,
    base: BaseShapes | None = None,
    declared_base: str | None = None,
    claims: Mapping[str, Any] | None = None,
    expected_shapes: ExpectedShapes | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    with_spectrum: bool = True,
    progress: Progress | None = None,
) -> Inspection:
    """Inspect an adapter's files (name in the adapter -> where its bytes lie) and judge them.

    Reads headers and streams values; never runs or unpickles anything. With `base` every tensor is checked against its
    shapes; `expected_shapes(config)` (kernels.meta_shapes, in a process with torch) judges methods beyond LoRA.
    Refused when any finding is an error; facts are filled as far as reading got.
    """
    return _Inspector(
        files, base, declared_base, claims or {}, expected_shapes, limits, with_spectrum, progress or _silent
    ).run()


def _silent(share: float, note: str) -> None:
    """No progress wanted."""


class _Inspector:
    """The steps of one inspection, in order; each adds findings and stops the rest only when nothing can follow."""

    def __init__(
        self,
        files: Mapping[str, Path],
        base: BaseShapes | None,
        option: str | None,
        claims: Mapping[str, Any],
        expected_shapes: ExpectedShapes | None,
        limits: Limits,
        with_spectrum: bool,
        progress: Progress,
    ) -> None:
        self.files, self.base, self.option, self.claims = files, base, option, claims
        self.expected_shapes, self.limits = expected_shapes, limits
        self.with_spectrum, self.progress = with_spectrum, progress
        self.result = Inspection()

    def run(self) -> Inspection:
        """All steps."""
        self.progress(0.0, "checking files")
        self._add(check_files(self.files))
        config = self._config()
        weights, problems = choose_weights(self.files, is_mixture=config.get("peft_type") == "XLORA")
        self._add(problems)
        header = self._header(weights) if weights else None
        if weights is None or header is None:
            self._base_fact(config, Match())
        else:
            self._inspect(self.files[weights], weights, header, config)
        self.result.findings = _capped(self.result.findings)
        if any(finding.severity == "error" for finding in self.result.findings):
            self.result.verdict = "refused"
        self.progress(1.0, "done")
        return self.result

    def _add(self, findings: list[Finding]) -> None:
        self.result.findings += findings

    def _config(self) -> dict[str, Any]:
        path = self.files.get(CONFIG_NAME)
        if path is None:
            return {}
        try:
            config = load_config(path)
        except FormatError as error:
            self._add([error.as_finding(CONFIG_NAME)])
            return {}
        self._add(check_config(config)[1])
        return config

    def _header(self, name: str) -> Header | None:
        path = self.files[name]
        try:
            return read_header(path, limits=self.limits)
        except FormatError as error:
            if looks_like_lfs_pointer(path):
                self._add([_lfs_pointer(name)])
                return None
            is_pickle = error.code in ("header_too_large", "header_malformed") and looks_like_pickle(path)
            why = f"{name} holds a pickle or a zip archive under a safetensors name"
            self._add([pickle_finding(name, why) if is_pickle else error.as_finding(name)])
            return None

    def _inspect(self, path: Path, name: str, header: Header, config: dict[str, Any]) -> None:
        self.progress(0.1, "typing")
        shapes = header.shapes
        dialect = detect(config or None, shapes)
        grouped = group(dialect, config, shapes, lambda tensor: float(read_tensor(path, header, tensor).reshape(-1)[0]))
        recognised = recognise(config, shapes, dialect=dialect)
        self._add(grouped.findings)
        is_malformed = any(finding.code == "config_malformed" for finding in self.result.findings)
        if dialect == "peft" and CONFIG_NAME not in self.files:
            self._add([_config_missing()])
        elif dialect == "peft" and not config.get("peft_type") and not is_malformed:
            self._add([_type_missing()])
        self.result.facts = build_facts(dialect, config, header, grouped, recognised)
        self._values(path, header, grouped, recognised)
        self.progress(0.8, "comparing with the base model")
        self._base_fact(config, self._match(grouped, recognised, header, config))
        self._disagreements(grouped, config)

    def _values(self, path: Path, header: Header, grouped: Grouped, recognised: Recognition) -> None:
        values = scan(path, header, lambda share: self.progress(0.1 + 0.5 * share, "reading values"))
        self._add(finite_findings(values))
        inert, judged = inert_modules(grouped, by_id().get(recognised.method), values)
        self._add(noop_findings(grouped, inert, judged))
        self.result.facts["is_noop"] = bool(judged) and len(inert) == judged
        self.result.facts["spectrum"] = None
        if self.with_spectrum and grouped.pairs and not values.not_finite:
            self.progress(0.6, "computing spectra")
            self.result.facts["spectrum"] = spectra(path, header, grouped)

    def _match(self, grouped: Grouped, recognised: Recognition, header: Header, config: dict[str, Any]) -> Match:
        how = how_to_check(grouped, recognised)
        match, is_settled = Match(), False
        if self.base is not None:
            match = match_base(grouped, header.shapes, self.base, how.unchecked, may_be_prefix=how.may_be_prefix)
            if how.asks_peft and not match.unmatched:
                match = self._ask_peft(match, grouped, header, config, recognised)
            is_settled = not match.unmatched and not any(row.code == NOT_VERIFIED for row in match.findings)
        self._add(match.findings)
        confirmed_on = self.base if is_settled else None
        self.result.requirements = Requirements.of(grouped, header.shapes, recognised, confirmed_on=confirmed_on)
        return match

    def _ask_peft(
        self, match: Match, grouped: Grouped, header: Header, config: dict[str, Any], recognised: Recognition
    ) -> Match:
        base_id = self.base.id if self.base else ""
        reason = "that needs PEFT and the base model's config.json"
        if self.expected_shapes is not None:
            try:
                expected = self.expected_shapes(config)
            except FormatError as error:
                reason = error.detail
                if error.code in ("module_unknown", "shape_mismatch"):
                    match.fail(error.as_finding())
                    return match
            else:
                further = compare_expected(grouped, header.shapes, expected, base_id)
                further.findings = match.findings + further.findings
                further.checked += match.checked
                return further
        match.findings.append(
            Finding(
                NOT_VERIFIED,
                "info",
                f"{recognised.name} was not checked in full against {base_id}: {reason}.",
                "The hub checks them with PEFT itself where the base model was registered with its config.json.",
            )
        )
        return match

    def _base_fact(self, config: dict[str, Any], match: Match) -> None:
        base = base_declaration(self.option, config, self.claims)
        confirmed = None
        if self.base is not None and (match.checked or match.unmatched):
            confirmed = match.unmatched == 0
        matched = f"{self.base.id}@{self.base.revision}" if self.base and confirmed else None
        base |= {
            "confirmed": confirmed,
            "matched": matched,
            "checked_tensors": match.checked,
            "unmatched": match.unmatched,
        }
        self.result.facts["base"] = base
        if base["is_path"] and base["declared"] is None:
            self._add(
                [
                    Finding(
                        "base_is_local_path",
                        "warning",
                        f"The base model in the config is a local path: {base['in_config']!r:.160}.",
                        "Declare the base model with --base.",
                        received=base["in_config"][:160],
                    )
                ]
            )

    def _disagreements(self, grouped: Grouped, config: dict[str, Any]) -> None:
        facts = self.result.facts
        self.result.disagreements = find_disagreements(facts, facts["base"], grouped, config, self.claims)
        for row in self.result.disagreements:
            if row["fact"] == "rank":
                self._add(
                    [
                        Finding(
                            "rank_disagrees",
                            "warning",
                            f"The config says rank {row['claimed']}, {row['modules']} modules have {row['from_file']}.",
                            "PEFT does not load it so: correct r and rank_pattern in adapter_config.json.",
                            expected=row["claimed"],
                            received=row["from_file"],
                        )
                    ]
                )


def _config_missing() -> Finding:
    return Finding(
        "config_missing",
        "error",
        "These are PEFT tensors, but there is no adapter_config.json.",
        "Save with save_pretrained, and push the whole folder.",
        expected=CONFIG_NAME,
    )


def _type_missing() -> Finding:
    return Finding(
        "config_value_refused",
        "error",
        "adapter_config.json names no 'peft_type', without which PEFT does not load these tensors.",
        "Save with save_pretrained, and push the file as it was written.",
        expected=sorted(known_types()),
        file=CONFIG_NAME,
    )


def _lfs_pointer(name: str) -> Finding:
    return Finding(
        "header_malformed",
        "error",
        f"{name} is a Git LFS pointer: the weights themselves are not in this folder.",
        "Fetch them with `git lfs pull`, then push again.",
        expected="safetensors",
        file=name,
    )


def _capped(findings: list[Finding]) -> list[Finding]:
    """At most 20 findings of one code, and a line that says how many more there are."""
    counts = Counter(finding.code for finding in findings)
    seen: Counter[str] = Counter()
    kept = []
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= MAX_LISTED:
            kept.append(finding)
    for code, count in counts.items():
        if count > MAX_LISTED:
            kept.append(
                Finding("findings_left_out", "info", f"{count - MAX_LISTED} more findings of {code} are left out.")
            )
    return kept
