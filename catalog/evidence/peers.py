"""How a revision's singular values compare with those of published adapters of the same base model and method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from catalog.adapters.models import Revision, Visibility

MOST_PEERS = 24
FEWEST_PEERS = 3
_MOST_DIRECTIONS = 64


@dataclass(frozen=True)
class Share:
    """One direction, from the strongest on: its singular value as a share of the largest, in the median over modules.

    ``low`` to ``high`` holds the middle eight tenths of the peers, ``middle`` is their median.
    """

    direction: int
    own: float
    low: float | None
    middle: float | None
    high: float | None


@dataclass(frozen=True)
class SpectrumAmongPeers:
    """The profile of one revision beside that of its peers; ``peers`` is 0 where there are too few to compare with."""

    shares: list[Share]
    peers: int


def spectrum_among_peers(revision: Revision) -> SpectrumAmongPeers | None:
    """None where no spectrum was measured. Peers are public and published, and of other adapters."""
    own = _profile((revision.facts.get("spectrum") or {}).get("modules"))
    if not own:
        return None
    profiles = [profile for modules in _modules_of_peers(revision) if (profile := _profile(modules))]
    profiles = profiles if len(profiles) >= FEWEST_PEERS else []
    shares = []
    for place, value in enumerate(own):
        values = sorted(profile[place] for profile in profiles if place < len(profile))
        shares.append(Share(place + 1, value, *_spread(values)))
    return SpectrumAmongPeers(shares, len(profiles))


def _modules_of_peers(revision: Revision) -> list[Any]:
    if revision.base_model_id is None or not revision.method:
        return []
    near = Revision.objects.filter(
        base_model_id=revision.base_model_id,
        method=revision.method,
        state="published",
        is_derived=False,
        adapter__visibility=Visibility.PUBLIC,
        adapter__deleted_at=None,
    ).exclude(adapter_id=revision.adapter_id)
    return list(near.order_by("-pk").values_list("facts__spectrum__modules", flat=True)[:MOST_PEERS])


def _profile(modules: Any) -> list[float]:
    """The median over modules of each singular value as a share of its module's largest."""
    if not isinstance(modules, Mapping):
        return []
    rows = [_shares(module) for module in modules.values()]
    rows = [row for row in rows if row]
    longest = max((len(row) for row in rows), default=0)
    return [median(row[place] for row in rows if place < len(row)) for place in range(min(longest, _MOST_DIRECTIONS))]


def _shares(module: Any) -> list[float]:
    values = module.get("singular_values") if isinstance(module, Mapping) else None
    if not isinstance(values, list):
        return []
    numbers = sorted((float(value) for value in values if isinstance(value, int | float)), reverse=True)
    return [value / numbers[0] for value in numbers] if numbers and numbers[0] > 0 else []


def _spread(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """The tenth from below, the median, the tenth from above."""
    if len(values) < FEWEST_PEERS:
        return None, None, None
    edge = len(values) // 10
    return values[edge], median(values), values[-1 - edge]
