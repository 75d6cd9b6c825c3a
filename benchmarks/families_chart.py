"""The chart of the README: accuracy lost against how many times smaller a family is stored or pulled, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 60
_STYLE = """
svg{background:#fff;font:14px system-ui,-apple-system,'Segoe UI',sans-serif}
text{fill:#1c2024}.quiet{fill:#5b6470;font-size:12px}.title{font-size:16px;font-weight:600}
.grid{stroke:#d9dde2}.limit{stroke:#b3261e;stroke-dasharray:5 4}.limit-text{fill:#b3261e;font-size:12px}
.s0{stroke:#0b57d0;fill:#0b57d0}.s1{stroke:#0f7b5f;fill:#0f7b5f}.s2{stroke:#8a5300;fill:#8a5300}
path{fill:none!important;stroke-width:2}circle{stroke:none}.beaten{opacity:.35}.name{stroke:none;font-size:13px}
@media(prefers-color-scheme:dark){svg{background:#14171a}text{fill:#e8eaed}.quiet{fill:#a3abb5}.grid{stroke:#343a41}
.limit{stroke:#f2b8b5}.limit-text{fill:#f2b8b5}.s0{stroke:#8ab4f8;fill:#8ab4f8}.s1{stroke:#7fd6b5;fill:#7fd6b5}
.s2{stroke:#f0b35e;fill:#f0b35e}}
"""


@dataclass(frozen=True)
class Series:
    """Settings of one kind: (how many times smaller, points of accuracy lost), and a name.

    The line joins those that no other setting of the kind beats in both; the others stay as faint points.
    """

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, note: str, series: Sequence[Series], *, limit: float, most_loss: float) -> str:
    """An SVG document in light and dark. Points that lose more than `most_loss` end their line."""
    shown = [Series(one.name, _until(one.points, most_loss)) for one in series]
    ratios = [ratio for one in shown for ratio, _ in one.points]
    scale = _Scale(min(ratios), max(ratios), most_loss)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
        f'<text class="quiet" x="{LEFT}" y="43">{escape(note)}</text>',
        *_grid(scale),
        f'<path class="limit" d="M{LEFT} {scale.y(limit):.1f}H{WIDTH - RIGHT}"/>',
        f'<text class="limit-text" x="{LEFT + 6}" y="{scale.y(limit) - 5:.1f}">limit: {limit:g} point mean</text>',
    ]
    for place, one in enumerate(shown):
        parts += _line(one, place, scale)
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True)
class _Scale:
    least: float
    most: float
    loss: float

    def x(self, ratio: float) -> float:
        """Logarithmic."""
        share = (log10(ratio) - log10(self.least)) / max(1e-9, log10(self.most) - log10(self.least))
        return LEFT + 16 + share * (WIDTH - LEFT - RIGHT - 150)

    def y(self, loss: float) -> float:
        """Linear; gains in accuracy lie above the zero line, up to half a point."""
        return TOP + (max(-0.5, loss) + 0.5) / (self.loss + 0.5) * (HEIGHT - TOP - BOTTOM)


def _until(points: Sequence[tuple[float, float]], most_loss: float) -> list[tuple[float, float]]:
    return [point for point in sorted(points) if point[1] <= most_loss]


def _grid(scale: _Scale) -> list[str]:
    parts = []
    for loss in range(int(scale.loss) + 1):
        y = scale.y(loss)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{loss}</text>')
    for ratio in (1, 2, 5, 10, 20, 50, 100, 200):
        if scale.least * 0.99 <= ratio <= scale.most * 1.01:
            x = scale.x(ratio)
            parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
            parts.append(
                f'<text class="quiet" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{ratio}x</text>'
            )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="quiet" x="{middle}" y="{HEIGHT - 16}" text-anchor="middle">times smaller than as pushed</text>'
    )
    parts.append(
        f'<text class="quiet" x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">points of accuracy lost, mean</text>'
    )
    return parts


def _best(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that nothing smaller loses less than, by size."""
    found: list[tuple[float, float]] = []
    for ratio, loss in sorted(points, reverse=True):
        if not found or loss < found[-1][1]:
            found.append((ratio, loss))
    return found[::-1]


def _line(series: Series, place: int, scale: _Scale) -> list[str]:
    best = _best(series.points)
    if not best:
        return []
    path = "L".join(f"{scale.x(ratio):.1f} {scale.y(loss):.1f}" for ratio, loss in best)
    dots = [
        f'<circle class="s{place}{"" if (ratio, loss) in best else " beaten"}" cx="{scale.x(ratio):.1f}" '
        f'cy="{scale.y(loss):.1f}" r="3.5"><title>{ratio:.1f} times smaller, {loss:+.2f} points</title></circle>'
        for ratio, loss in series.points
    ]
    x, y = scale.x(best[-1][0]), scale.y(best[-1][1])
    name = f'<text class="s{place} name" x="{x + 8:.1f}" y="{y + 4:.1f}">{escape(series.name)}</text>'
    return [f'<path class="s{place}" d="M{path}"/>', *dots, name]
