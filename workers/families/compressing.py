"""Make a basis, module by module: factors are read by ranges, fitted in children, and kept as parts one by one."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog.adapters.storing import store_file
from catalog.errors import Unprocessable
from catalog.families.making import Inputs, finished_parts, keep_assignment, keep_part, require_members, shown_name
from catalog.store import blob_store
from kernels.formats.ranged import Pieces
from workers.children import Beat
from workers.families.clock import FITTED, READ, Clock
from workers.families.curves import curve_modules, curve_of, curve_ranks, sampled
from workers.families.members import MemberFile, lay_out, module_sizes, open_member
from workers.families.reporting import member_rows, report_of
from workers.families.running import run
from workers.families.sizes import ModuleSize, Sizing, head_bytes

_GROUP_BYTES = 32 << 20
_GROUP_TENSORS = 4000
_CLUSTERING_MODULES = 8
_CLUSTERING_RANK = 16


class Compression:
    """One attempt at a basis; what an earlier one has finished is not even read again."""

    def __init__(self, inputs: Inputs, beat: Beat, scratch: Path) -> None:
        self._basis, self._options, self._beat, self._scratch = inputs.basis, inputs.options, beat, scratch
        self._on_device = self._options["queue"] == "gpu"
        self._members = [self._opened(place, revision) for place, revision in enumerate(inputs.members)]
        self._modules = module_sizes(self._members)
        self._made_with: dict[str, Any] = {}
        self._zero: dict[str, dict[str, Any]] = {}

    def run(self) -> dict[str, Any]:
        """The outcome: receipts of the files, a row for each member, report and curve."""
        clusters = self._clusters()
        sizing = self._sizing(clusters)
        rank = self._rank(sizing)
        curve = curve_ranks(self._modules, rank)
        self._fit(clusters, rank, curve)
        reports = self._reports()
        basis, members = self._assembled(reports, clusters)
        return {
            "basis": basis,
            "members": member_rows(self._members, self._modules, reports, members, clusters),
            "report": report_of(self._modules, reports),
            "curve": curve_of(sizing, curve, reports),
            "made_with": self._made_with,
        }

    def _opened(self, place: int, revision: Any) -> MemberFile:
        self._beat(None, "")
        name = shown_name(revision, self._basis.family)
        return open_member(place, revision, lambda count: self._beat(None, ""), name=name)

    def _sizing(self, clusters: list[int]) -> Sizing:
        heads = 0
        for member in self._members:
            heads += head_bytes(member.head_shapes(), self._options["heads"], member.head_bytes())
        names = ("method", "dtype", "coefficients")
        options = {name: self._options[name] for name in names}
        return Sizing(
            **options,
            modules=self._modules,
            clusters=tuple(clusters),
            head_bytes=heads,
            member_rank=self._options.get("member_rank"),
        )

    def _rank(self, sizing: Sizing) -> int | None:
        """The shared rank; None where every module finds its own for an error."""
        budget = self._options["bytes"]
        if budget is None:
            return self._options["rank"]
        rank = sizing.largest_rank(budget)
        if rank is None:
            raise Unprocessable(
                "budget_too_small",
                f"the smallest basis takes about {sizing.bytes_at(1)} bytes; the budget is {budget}",
                hint="Give more bytes, or a narrower dtype.",
            )
        return rank

    def _clusters(self) -> list[int]:
        """The cluster of each member: all in one, or as an earlier attempt or the child finds them."""
        if self._options["method"] != "clustered":
            return [0] * len(self._members)
        known = self._basis.report.get("assignment")
        if known is None:
            chosen = sampled(self._modules, _CLUSTERING_MODULES)
            argument, _ = self._work(chosen)
            rank = self._options["rank"] or _CLUSTERING_RANK
            found = run(
                "workers.families.fitting:assign_clusters",
                argument | {"clusters": self._options["clusters"], "rank": rank},
                self._beat,
                on_device=self._on_device,
                progress=lambda share, note: (READ * share, note),
            )
            known = [int(cluster) for cluster in found["assignment"]]
            keep_assignment(self._basis, known)
        return list(known)

    def _fit(self, clusters: list[int], rank: int | None, curve: list[int]) -> None:
        finished = set(finished_parts(self._basis))
        todo = [module for module in self._modules if module.name not in finished]
        with_curve = curve_modules(self._modules, self._options["method"])
        clock = Clock(self._modules, todo)
        options = {
            "rank": rank,
            "error": self._options["error"],
            "member_rank": self._options.get("member_rank"),
            "assignment": clusters if self._options["method"] == "clustered" else None,
        }
        for group in _groups(todo):
            require_members(self._basis)
            argument, told = self._work(group)
            for place, module in enumerate(told):
                module["part"] = str(self._scratch / f"part-{place}.safetensors")
                module["curve"] = curve if module["name"] in with_curve else []
            outcome = run(
                "workers.families.fitting:fit_modules",
                argument | options,
                self._beat,
                on_device=self._on_device,
                progress=lambda share, note, group=group: clock.told(group, share),  # type: ignore[misc]
            )
            self._made_with = outcome["made_with"]
            for module, report in zip(told, outcome["modules"], strict=True):
                self._keep(Path(module["part"]), report, outcome["made_with"])
            clock.finished(group)

    def _keep(self, part: Path, report: dict[str, Any], made_with: dict[str, Any]) -> None:
        if report.get("is_zero"):
            self._zero[report["name"]] = report
            return
        receipt = store_file(part, on_bytes=lambda count: self._beat(None, ""))
        part.unlink()
        # The lease is ours at this moment: whoever has lost it stops here.
        self._beat(None, "")
        keep_part(self._basis, report["name"], receipt, report | {"made_with": made_with})

    def _work(self, modules: list[ModuleSize]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What a child is told of some modules, whose factors are copied into its work file."""
        pieces, told = lay_out(self._members, modules)
        file = self._scratch / "work.safetensors"
        pieces.write(file, on_bytes=lambda count: self._beat(None, ""))
        names = ("method", "dtype", "coefficients", "seed")
        options = {name: self._options[name] for name in names}
        base = self._basis.family.base_model.name
        return options | {"file": str(file), "members": len(self._members), "modules": told, "base_model": base}, told

    def _reports(self) -> dict[str, dict[str, Any]]:
        """What is known of each module, of this attempt and of earlier ones."""
        kept = {part.module: dict(part.report) for part in self._basis.parts.all()}
        for report in kept.values():
            self._made_with = self._made_with or report.get("made_with") or {}
        return kept | self._zero

    def _assembled(
        self, reports: dict[str, dict[str, Any]], clusters: list[int]
    ) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
        """Receipts of the basis and of each member's coefficients, by place."""
        if not any(not report.get("is_zero") for report in reports.values()):
            raise Unprocessable("family_empty", f"every member of {self._basis.family} is zero everywhere")
        out = self._scratch / "out"
        out.mkdir()
        outcome = run(
            "workers.families.assembling:assemble",
            self._assembly(reports, clusters, out),
            self._beat,
            on_device=False,
            progress=lambda share, note: (FITTED + (1 - FITTED) * share, note),
        )
        require_members(self._basis)

        def stored(name: str) -> dict[str, Any]:
            receipt = store_file(out / name, on_bytes=lambda count: self._beat(None, ""))
            (out / name).unlink()
            return asdict(receipt)

        members = {row["place"]: row | {"receipt": stored(row["file"])} for row in outcome["members"]}
        return stored(outcome["basis"]), members

    def _assembly(self, reports: dict[str, dict[str, Any]], clusters: list[int], out: Path) -> dict[str, Any]:
        parts: list[str] = []
        for name, part in sorted(finished_parts(self._basis).items()):
            place = self._scratch / f"stored-{len(parts)}.safetensors"
            with place.open("wb") as file:
                for chunk in blob_store().read(part.blob_id):
                    file.write(chunk)
                    self._beat(None, "")
            parts.append(str(place))
            assert name in reports, "a part has its report"
        heads = self._options["heads"]
        return {
            "parts": parts,
            "members": [self._member(member, clusters) for member in self._members],
            "base_model": self._basis.family.base_model.name,
            "method": self._options["method"],
            "dtype": self._options["dtype"],
            "coefficients": self._options["coefficients"],
            "heads": None if heads == "as_they_are" else heads,
            "out": str(out),
        }

    def _member(self, member: MemberFile, clusters: list[int]) -> dict[str, Any]:
        heads = None
        if member.saved:
            pieces = Pieces()
            member.copy_heads(pieces)
            heads = self._scratch / f"heads-{member.place}.safetensors"
            pieces.write(heads, on_bytes=lambda count: self._beat(None, ""))
        return {
            "place": member.place,
            "cluster": clusters[member.place],
            "heads": str(heads) if heads else None,
            "settings": member.settings,
        }


def compress(inputs: Inputs, beat: Beat) -> dict[str, Any]:
    """Make the basis of ``inputs``; the job's outcome."""
    with TemporaryDirectory(prefix="compress-") as scratch:
        return Compression(inputs, beat, Path(scratch)).run()


def _groups(modules: list[ModuleSize]) -> Iterator[list[ModuleSize]]:
    """Modules that one child fits: as many small ones as their factors fit into 32 MiB, at least one."""
    group: list[ModuleSize] = []
    size = tensors = 0
    for module in modules:
        own, count = 4 * sum(module.ranks) * (module.d_out + module.d_in), 2 * len(module.ranks)
        if group and (size + own > _GROUP_BYTES or tensors + count > _GROUP_TENSORS):
            yield group
            group, size, tensors = [], 0, 0
        group.append(module)
        size, tensors = size + own, tensors + count
    if group:
        yield group
