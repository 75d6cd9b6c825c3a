"""The job ``describe_base``: config.json -> shape table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.bases.models import BaseModel
from catalog.bases.services import record_failure, record_shapes, reopen_base
from catalog.jobs.models import Job
from kernels.formats.base_shapes import BaseShapes
from workers.children import Beat


class DescribeBase:
    """Builds a base model's shape table."""

    function = "workers.computing:describe_base"
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        base = BaseModel.objects.get(pk=job.payload["base_id"])
        yield {"config": base.config, "id": base.name, "revision": base.revision}

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        base = BaseModel.objects.get(pk=job.payload["base_id"])
        record_shapes(base, BaseShapes.from_dict(outcome["table"]))
        return {"base_model": str(base), "modules": base.modules}

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        base = BaseModel.objects.filter(pk=job.payload["base_id"]).first()
        if base is not None:
            record_failure(base, error)

    def revive(self, job: Job) -> None:
        reopen_base(job.payload["base_id"])
