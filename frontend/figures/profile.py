"""A revision's singular values against those of its peers: a line, their median, and the band of most of them."""

from dataclasses import dataclass

from django.utils.translation import gettext

from catalog.adapters.models import Revision
from catalog.evidence.peers import Share, spectrum_among_peers
from frontend.figures.scales import Label

_WIDTH, _HEIGHT = 400, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 16, 12, 32


@dataclass(frozen=True)
class Place:
    """One direction: where its mark stands, and what it says."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Profile:
    """Directions across, shares of the largest singular value up; ``band`` and ``middle`` are empty without peers."""

    places: list[Place]
    own: str
    middle: str
    band: str
    shares: list[Share]
    peers: int
    x_ticks: list[Label]
    y_ticks: list[Label]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = _HEIGHT - _BOTTOM


def profile_of(revision: Revision) -> Profile | None:
    """The picture; None where no spectrum was measured."""
    found = spectrum_among_peers(revision)
    if found is None:
        return None
    shares = found.shares
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(shares) - 1, 1)

    def across(place: int) -> float:
        return round(_LEFT + place * step, 1)

    compared = [(place, share) for place, share in enumerate(shares) if share.middle is not None]
    upper = [f"{across(place)},{_up(share.high)}" for place, share in compared]
    lower = [f"{across(place)},{_up(share.low)}" for place, share in reversed(compared)]
    last = len(shares)
    return Profile(
        places=[Place(across(place), _up(share.own), _said(share)) for place, share in enumerate(shares)],
        own=" ".join(f"{across(place)},{_up(share.own)}" for place, share in enumerate(shares)),
        middle=" ".join(f"{across(place)},{_up(share.middle)}" for place, share in compared),
        band=" ".join(upper + lower) if len(compared) > 1 else "",
        shares=shares,
        peers=found.peers,
        x_ticks=[Label(round(across(at - 1)), _HEIGHT - 14, str(at)) for at in dict.fromkeys((1, last))],
        y_ticks=[Label(_LEFT - 8, round(_up(value)) + 4, f"{value:g}") for value in (0.0, 0.5, 1.0)],
    )


def _up(share: float | None) -> float:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * min(max(share or 0.0, 0.0), 1.0), 1)


def _said(share: Share) -> str:
    own = {"number": share.direction, "share": f"{share.own:.2f}"}
    said = gettext("direction %(number)s: %(share)s of the largest") % own
    if share.low is None or share.middle is None or share.high is None:
        return said
    peers = {"low": f"{share.low:.2f}", "high": f"{share.high:.2f}", "median": f"{share.middle:.2f}"}
    return f"{said}; " + gettext("peers %(low)s to %(high)s, median %(median)s") % peers
