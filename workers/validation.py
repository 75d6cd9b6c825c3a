"""The job ``validate_revision``: what is it, does it fit its base model, may a reviewer see it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.bases.models import BaseModel, BaseModelShapes, BaseState
from catalog.bases.queries import find_base
from catalog.jobs.models import Job
from catalog.plain import plain_value
from catalog.store import blob_store
from kernels.formats.adapter_config import is_local_path
from kernels.formats.base_shapes import BaseShapes
from kernels.formats.compatibility import fits
from kernels.formats.disagreements import declared_base

_MAX_CONFIG_BYTES = 1 << 20
_MAX_SUGGESTIONS = 3
_MAX_CANDIDATES = 200


class ValidateRevision:
    """Types a revision and checks it against its base model."""

    function = "workers.computing:inspect_revision"

    @contextmanager
    def prepare(self, job: Job) -> Iterator[dict[str, Any]]:
        revision = Revision.objects.get(pk=job.payload["revision_id"])
        base = base_of(revision)
        shapes = BaseModelShapes.objects.filter(base=base).first() if base else None
        with ExitStack() as stack:
            files = {
                file.path: str(stack.enter_context(blob_store().local_path(file.blob_id)))
                for file in revision.files.all()
            }
            yield {
                "files": files,
                "base": shapes.table if shapes else None,
                "base_config": base.config if base else None,
                "declared_base": revision.claims.get("base", ""),
                "claims": revision.claims,
            }

    def apply(self, job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
        revision = Revision.objects.get(pk=job.payload["revision_id"])
        base = base_of(revision)
        if outcome["verdict"] == "accepted":
            finding = _missing_base(base, outcome)
            if finding:
                outcome = {**outcome, "verdict": "refused", "findings": [finding, *outcome["findings"]]}
        revision = record_verdict(revision, inspection=outcome, base=base)
        return {"verdict": outcome["verdict"], "state": revision.state, "findings": outcome["findings"]}

    def abandon(self, job: Job, error: dict[str, Any]) -> None:
        revision = Revision.objects.filter(pk=job.payload["revision_id"]).first()
        if revision is None:
            return
        finding = {
            "code": error["code"],
            "severity": "error",
            "message": f"Validation did not finish: {error['detail']}",
            "hint": "Push again; if it happens again, show this to whoever runs the hub.",
        }
        record_verdict(
            revision, inspection={"verdict": "refused", "facts": {}, "findings": [finding]}, base=base_of(revision)
        )


def base_of(revision: Revision) -> BaseModel | None:
    """The registered base model that the revision declares: the uploader's word, then the config's, then the card's."""
    reference = declared_base(None, _config(revision), revision.claims)["declared"]
    base = find_base(reference) if reference and not is_local_path(reference) else None
    return base if base is not None and base.state == BaseState.READY else None


def _config(revision: Revision) -> dict[str, Any]:
    """adapter_config.json as a dict; empty when it is absent, too large or broken (the child says what is wrong)."""
    file = revision.files.select_related("blob").filter(path="adapter_config.json").first()
    if file is None or file.blob.size_bytes > _MAX_CONFIG_BYTES:
        return {}
    try:
        config = json.loads(b"".join(blob_store().read(file.blob_id)))
    except (ValueError, RecursionError):
        return {}
    return plain_value(config) if isinstance(config, dict) else {}


def _missing_base(base: BaseModel | None, outcome: dict[str, Any]) -> dict[str, Any] | None:
    """An adapter is only published for a base model that the hub knows; the finding names registered ones that fit."""
    if base is not None:
        return None
    declared = (outcome["facts"].get("base") or {}).get("declared") or ""
    fitting = _fitting_bases(outcome["facts"])
    hint = "Register the base model with `hubclient base-model add`, then push again with --base."
    if fitting:
        hint = f"These registered base models fit: {', '.join(fitting)}. Push again with --base."
    if declared and not is_local_path(declared):
        code, message = (
            "unknown_base_model",
            f"The adapter says that it is for {declared!r}, which is not registered here.",
        )
    else:
        code = "base_undeclared"
        message = "The adapter does not say which base model it is for; a local path does not count."
    return {"code": code, "severity": "error", "message": message, "received": declared or None, "hint": hint}


def _fitting_bases(facts: dict[str, Any]) -> list[str]:
    if not facts.get("requirements"):
        return []
    names: list[str] = []
    for row in BaseModelShapes.objects.select_related("base").filter(base__state=BaseState.READY)[:_MAX_CANDIDATES]:
        if not any(finding.severity == "error" for finding in fits(facts, BaseShapes.from_dict(row.table))):
            names.append(str(row.base))
        if len(names) == _MAX_SUGGESTIONS:
            break
    return names
