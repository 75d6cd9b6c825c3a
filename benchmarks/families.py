"""Families on real adapters: bytes on disk and over the wire against accuracy, beside each adapter cut down alone."""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

# Everything heavy is imported where it is used.
from benchmarks.families_chart import Series, draw
from benchmarks.families_forms import Form, Forms, Setting, load_member
from benchmarks.families_tasks import Task, tasks
from benchmarks.families_training import RANK
from benchmarks.machine import calibration, machine, record

REPOSITORY = Path(__file__).resolve().parents[1]
CHART = REPOSITORY / "docs" / "images" / "families.svg"
TRAINED = REPOSITORY / "var" / "bench-families"
TITLE = "Families (`make bench-families`)"
MEAN_LIMIT, WORST_LIMIT = 1.0, 3.0
TRAIN_ROWS, TEST_ROWS = 450, 150
COUNTS = (5, 10)
_FOUR = {"basis": "int4", "values": "int4", "heads": "int4"}
# Directions of the basis, and the rank kept of each member (0: its own).
SHARED = ((8, 0), (16, 0), (24, 0), (32, 0), (32, 2), (48, 2), (64, 3), (64, 0))
SHARED_OF_FEW = ((8, 0), (16, 0), (24, 2), (24, 0), (32, 3), (32, 0), (40, 0), (48, 0), (64, 0), (80, 0))
HALVES = Setting(32, 32, 0, "float16", "float16", "float16")
ALONE = (
    (8, "float16", "float16"), (8, "int8", "int8"), (8, "int4", "int4"), (4, "int4", "int4"), (2, "int4", "int4"),
    (1, "int4", "int4"), (8, "int1", "int4"), (2, "int1", "int4"),
)  # fmt: skip


def main() -> None:
    """Train what is not trained yet, measure, record, draw the chart; `--quick` is a smoke run and keeps nothing."""
    import torch

    quick, started = "--quick" in sys.argv, time.monotonic()
    torch.set_num_threads(2)
    chosen = tasks(train=120, test=40)[:5] if quick else tasks(train=TRAIN_ROWS, test=TEST_ROWS)
    with tempfile.TemporaryDirectory() as room:
        trained = Path(room) / "trained" if quick else TRAINED
        from benchmarks.families_training import train_all

        folders = train_all(chosen, trained, is_one_start=True)
        lines = [*_head(), *_curve(chosen, folders, Path(room), quick=quick)]
    from benchmarks.families_generated import generated_report
    from benchmarks.families_removal import removal_report

    lines += ["", *generated_report(count=20 if quick else 200, width=256 if quick else 1024)]
    lines += ["", *removal_report(count=6 if quick else 200, width=64 if quick else 1024)]
    lines += ["", f"{time.monotonic() - started:.0f} s in all."]
    if quick:
        print("\n".join(lines))
    else:
        record(TITLE, lines)


def _head() -> list[str]:
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine('torch', 'transformers', 'peft')}",
        "",
        calibration(),
        "",
        "LoRAs of rank 8 on query and value of all-MiniLM-L6-v2 with classification heads, one script and one seed, "
        f"{TRAIN_ROWS} rows each; accuracy on {TEST_ROWS} other rows of each task. Bytes are those of the files as the "
        "hub stores them: basis, coefficients, heads, headers and configuration. *On disk* is the whole family, which "
        "is also what somebody pulls who wants all of it; *one pull* leaves the basis out, which is in the cache from "
        f"the second pull on. Allowed: {MEAN_LIMIT:g} point of accuracy in the mean, {WORST_LIMIT:g} for the worst "
        "adapter.",
    ]


def _curve(chosen: Sequence[Task], folders: Sequence[Path], room: Path, *, quick: bool) -> list[str]:
    """All forms at every N, their accuracy, the table, the best ones, and the chart."""
    from benchmarks.families_measuring import HEADS_ALONE, measure_all

    forms = Forms([load_member(folder) for folder in folders], room / "forms")
    made: dict[tuple[int, str], Form] = {}
    for count in (*(() if quick else COUNTS), len(folders)):
        for setting in _settings(count, is_all=count == len(folders)):
            made[count, setting.name] = forms.make(count, setting)
    subjects: dict[str, Sequence[Path | None]] = {
        f"{count} {name}": form.folders for (count, name), form in made.items()
    }
    accuracy = measure_all(chosen, {"as trained": list(folders), HEADS_ALONE: list(folders), **subjects})
    losses = {
        key: [100 * (accuracy["as trained", at] - accuracy[f"{key[0]} {key[1]}", at]) for at in range(key[0])]
        for key in made
    }
    before = [accuracy["as trained", place] for place in range(len(folders))]
    without = sum(accuracy[HEADS_ALONE, place] for place in range(len(folders))) / len(folders)
    originals = sum(made[len(folders), HALVES.name].original_bytes) / len(folders)
    lines = [
        "",
        f"{len(folders)} adapters, {originals / 1000:.0f} kB each, accuracy {sum(before) / len(before):.3f} in the "
        f"mean ({min(before):.3f} to {max(before):.3f}); with the updates left out and the heads kept {without:.3f}: "
        "that is what there is to lose.",
        "",
        *_table(made, losses),
        "",
        *_best(made, losses, len(folders)),
    ]
    if not quick:
        CHART.write_text(_chart(made, losses, len(folders)), encoding="utf-8")
    return lines


def _settings(count: int, *, is_all: bool) -> list[Setting]:
    # Beyond the sum of all ranks nothing is left to share.
    asked = [(k, rank) for k, rank in (SHARED if is_all else SHARED_OF_FEW) if k <= RANK * count]
    shared = [Setting(k, k, rank, **_FOUR) for k, rank in asked]
    if not is_all:
        return shared
    alone = [Setting(0, 0, rank, "float16", values, heads) for rank, values, heads in ALONE]
    return [HALVES, *shared, *alone]


def _table(made: Mapping[tuple[int, str], Form], losses: Mapping[tuple[int, str], list[float]]) -> list[str]:
    lines = [
        "| N | form | on disk | one pull | bytes of basis | bytes of a member | error | points lost, mean | worst |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (count, name), form in made.items():
        lost = losses[count, name]
        lines.append(
            f"| {count} | {name} | {form.stored_ratio:.1f}x | {form.pull_ratio:.1f}x | {form.basis_bytes} | "
            f"{sum(form.member_bytes) // count} | {form.error:.3f} | {sum(lost) / count:.2f} | {max(lost):.2f} |"
        )
    return lines


def _best(
    made: Mapping[tuple[int, str], Form], losses: Mapping[tuple[int, str], list[float]], everybody: int
) -> list[str]:
    """The largest ratios within the limits, for the family and for each adapter alone."""
    allowed = [key for key, lost in losses.items() if sum(lost) / len(lost) <= MEAN_LIMIT and max(lost) <= WORST_LIMIT]
    lines = []
    for count in sorted({count for count, _ in made}):
        family = [made[key] for key in allowed if key[0] == count and made[key].setting.outputs]
        if not family:
            lines.append(f"- N = {count}: no family within the limits.")
            continue
        disk, pull = max(family, key=lambda form: form.stored_ratio), max(family, key=lambda form: form.pull_ratio)
        lines.append(
            f"- N = {count}, a family within the limits: **{disk.stored_ratio:.1f}x** on disk ({disk.setting.name}), "
            f"**{pull.pull_ratio:.1f}x** for one pull ({pull.setting.name})."
        )
    alone = [made[key] for key in allowed if key[0] == everybody and not made[key].setting.outputs]
    if alone:
        best = max(alone, key=lambda form: form.stored_ratio)
        lines.append(f"- Each adapter alone within the limits: **{best.stored_ratio:.1f}x** ({best.setting.name}).")
    return lines


def _chart(made: Mapping[tuple[int, str], Form], losses: Mapping[tuple[int, str], list[float]], everybody: int) -> str:
    def points(is_shared: bool, is_pull: bool) -> list[tuple[float, float]]:
        keys = [key for key, form in made.items() if key[0] == everybody and bool(form.setting.outputs) == is_shared]
        ratio = {key: made[key].pull_ratio if is_pull else made[key].stored_ratio for key in keys}
        return [(ratio[key], sum(losses[key]) / everybody) for key in keys]

    return draw(
        f"{everybody} adapters of one base model: bytes against accuracy",
        "all-MiniLM-L6-v2, rank 8, real tasks; basis, coefficients, heads and headers counted",
        [
            Series("each alone", points(False, False)),
            Series("family, on disk", points(True, False)),
            Series("family, one pull", points(True, True)),
        ],
        limit=MEAN_LIMIT,
        most_loss=4.0,
    )


if __name__ == "__main__":
    main()
