"""Registers the kind with the workers that run under ``benchmarks.service_settings``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig


class Nothing:
    """Prepares nothing and computes nothing; its one effect is a row that tells how often it was applied."""

    function = ""

    @contextmanager
    def prepare(self, job: Any, beat: Any) -> Iterator[dict[str, Any]]:
        """An empty outcome."""
        yield {}

    def apply(self, job: Any, outcome: dict[str, Any]) -> dict[str, Any]:
        """One row for each time."""
        from catalog.reviews.models import AuditEvent

        AuditEvent.objects.create(action="bench", subject=str(job.pk))
        return {}

    def abandon(self, job: Any, error: dict[str, Any]) -> None:
        """Nothing hangs on it."""

    def revive(self, job: Any) -> None:
        """Nothing hangs on it."""


class BenchJobsConfig(AppConfig):
    """Application ``benchmarks.bench_jobs``."""

    name = "benchmarks.bench_jobs"
    label = "bench_jobs"

    def ready(self) -> None:
        """Add the kind."""
        from workers.kinds import HANDLERS

        HANDLERS["bench_nothing"] = Nothing()
