"""How far a basis is, and how long it still takes."""

import time

from workers.families.sizes import ModuleSize

# Shares of the whole job's progress.
READ, FITTED = 0.05, 0.95


class Clock:
    """Progress over modules of unequal size, and the time that is left at the pace of this attempt."""

    def __init__(self, modules: list[ModuleSize], todo: list[ModuleSize]) -> None:
        self._weights = {module.name: max(1, sum(module.ranks)) * (module.d_out + module.d_in) for module in modules}
        self._total = sum(self._weights.values())
        self._before = self._total - sum(self._weights[module.name] for module in todo)
        self._count, self._left = len(modules), len(todo)
        self._done = 0.0
        self._began = time.monotonic()

    def told(self, group: list[ModuleSize], share: float) -> tuple[float, str]:
        """Progress of the whole job when a share of ``group`` is done, and a note."""
        done = self._done + share * sum(self._weights[module.name] for module in group)
        whole = (self._before + done) / self._total
        place = self._count - self._left + 1 + int(share * len(group))
        note = f"module {min(place, self._count)} of {self._count}"
        if done > 0:
            left = (self._total - self._before - done) * (time.monotonic() - self._began) / done
            note += f", about {time_left(left)} left"
        return READ + (FITTED - READ) * whole, note

    def finished(self, group: list[ModuleSize]) -> None:
        """All of ``group`` is done."""
        self._done += sum(self._weights[module.name] for module in group)
        self._left -= len(group)


def time_left(seconds: float) -> str:
    """``40 s``, ``3 min`` or ``2.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
