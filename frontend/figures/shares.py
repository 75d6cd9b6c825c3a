"""One bar cut into parts: what became of the rows between two versions."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from catalog.evaluations.flips import Flips

_WIDTH, _HEIGHT, _LEAST = 560, 32, 2.0


@dataclass(frozen=True)
class Part:
    """One part: where it lies, what it is called, how many rows it is."""

    kind: str
    x: float
    width: float
    rows: int
    title: str

    @property
    def has_room(self) -> bool:
        """Whether its number fits into it."""
        return self.width >= 12 + 8 * len(str(self.rows))

    @property
    def middle(self) -> float:
        """Where its number stands."""
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Shares:
    """All rows, part beside part."""

    parts: list[Part]
    rows: int
    width: int = _WIDTH
    height: int = _HEIGHT


def flip_shares(flips: Flips) -> Shares | None:
    """What became of every row; parts without rows are left out, and None is for no rows at all."""
    if not flips.rows:
        return None
    negative, positive, inconsistent = len(flips.negative), len(flips.positive), len(flips.inconsistent)
    if flips.is_graded:
        counted = [
            ("same", gettext("as good as before"), flips.rows - negative - positive),
            ("positive", gettext("better now"), positive),
            ("negative", gettext("worse now"), negative),
        ]
    else:
        counted = [
            ("right", gettext("right both times"), flips.both_right),
            ("positive", gettext("wrong before, right now"), positive),
            ("negative", gettext("right before, wrong now"), negative),
            ("inconsistent", gettext("wrong both times, another answer"), inconsistent),
            ("wrong", gettext("wrong both times, the same answer"), flips.both_wrong - inconsistent),
        ]
    shown = [row for row in counted if row[2] > 0]
    # Parts too thin to see are drawn a little wider; the others give that up in proportion.
    widths = [max(_WIDTH * rows / flips.rows, _LEAST) for _, _, rows in shown]
    scale, x, parts = _WIDTH / sum(widths), 0.0, []
    for (kind, says, rows), width in zip(shown, widths, strict=True):
        said = {"says": says, "rows": f"{rows:,}", "all": f"{flips.rows:,}", "share": f"{100 * rows / flips.rows:.1f}"}
        title = gettext("%(says)s: %(rows)s of %(all)s rows, %(share)s %%") % said
        parts.append(Part(kind, round(x, 1), round(width * scale, 1), rows, title))
        x += width * scale
    return Shares(parts, flips.rows)
