"""The job ``validate_revision``: what is it, does it fit its base model, may a reviewer see it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings

from catalog.adapters.models import Revision
from catalog.adapters.publication import record_verdict
from catalog.adapters.reopening import reopen_revision
from catalog.bases.models import BaseModel, BaseModelShapes, BaseState
from catalog.bases.queries import find_base
from catalog.derivations.measuring import measure_derived
from catalog.evaluations.policies import run_policies
from catalog.evidence.services import request_evidence
from catalog.fits.recording import record_shapes_of
from catalog.jobs.models import Job
from catalog.plain import plain_value
from catalog.similarity.recording import record_fingerprint
from catalog.similarity.refusing import are_removed
from catalog.store import blob_store
from kernels.formats.adapter_config import is_local_path
from kernels.formats.disagreements import declared_base
from kernels.formats.requirements import Requirements
from workers.children import Beat, ChildFailed

_MAX_CONFIG_BYTES = 1 << 20
_MAX_SUGGESTIONS = 3
_POLL_SECONDS = 0.2
_MAX_CANDIDATES = 200


class ValidateRevision:
    """Types a revision and checks it against its base model."""

    function = "workers.computing:inspect_revision"
    uses_device = False

    @contextmanager
    def prepare(self, job: Job, beat: Beat) -> Iterator[dict[str, Any]]:
        revision = Revision.objects.get(pk=job.payload["revision_id"])
        base = base_of(revision)
        _wait_until_described(base)
        shapes = BaseModelShapes.objects.filter(base=base).first() if base else None
        with ExitStack() as stack:
            files = {}
            for file in revision.files.all():
                local = blob_store().local_path(file.blob_id, on_bytes=lambda count: beat(None, ""))
                files[file.path] = str(stack.enter_context(local))
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
        judged_against, fingerprint = outcome.pop("judged_against", None), outcome.pop("fingerprint", None)
        asked = outcome.pop("requirements", None)
        if base is not None and judged_against is None and base.state == BaseState.READY:
            raise ChildFailed("base_pending", f"{base} was registered meanwhile", is_final=False)
        if outcome["verdict"] == "accepted":
            finding = _missing_base(base, outcome, asked) or _removed(fingerprint)
            if finding:
                outcome = {**outcome, "verdict": "refused", "findings": [finding, *outcome["findings"]]}
        else:
            _name_fitting_bases(outcome, asked)
        if asked:  # before the verdict, which may publish: the listing shows it
            record_shapes_of(revision, asked, base=base)
        revision = record_verdict(revision, inspection=outcome, base=base)
        if outcome["verdict"] == "accepted":
            if fingerprint:
                record_fingerprint(revision, fingerprint)
            request_evidence(revision)
            run_policies(revision)
            measure_derived(revision)
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

    def revive(self, job: Job) -> None:
        # Jobs written before the payload named the version have it at the end of their subject.
        version = job.payload.get("version") or job.subject_name.rpartition("@")[2]
        reopen_revision(job.payload["revision_id"], version=version)


def _wait_until_described(base: BaseModel | None) -> None:
    """Wait for the job that computes the base's shapes; raises ChildFailed, so that this one comes back later."""
    patience_ends = time.monotonic() + settings.HUB_JOB_LEASE_SECONDS / 2
    while base is not None and base.state == BaseState.PENDING:
        if time.monotonic() >= patience_ends:
            raise ChildFailed("base_pending", f"the shapes of {base} are still being computed", is_final=False)
        time.sleep(_POLL_SECONDS)
        base.refresh_from_db(fields=["state"])


def base_of(revision: Revision) -> BaseModel | None:
    """The registered base model that the revision declares: the uploader's word, then the config's, then the card's."""
    reference = declared_base(None, _config(revision), revision.claims)["declared"]
    return find_base(reference) if reference and not is_local_path(reference) else None


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


def _missing_base(
    base: BaseModel | None, outcome: dict[str, Any], asked: dict[str, Any] | None
) -> dict[str, Any] | None:
    """An adapter is only published for a base model that the hub knows; the finding names registered ones that fit."""
    if base is not None:
        return None if base.state == BaseState.READY else _base_without_shapes(base)
    declared = (outcome["facts"].get("base") or {}).get("declared") or ""
    fitting = _fitting_bases(asked)
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


def _removed(fingerprint: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was removed for good does not come back in another file."""
    if fingerprint is None or not are_removed(fingerprint["tensors_digest"]):
        return None
    return {
        "code": "bytes_were_removed",
        "severity": "error",
        "message": "All tensors are those of an adapter that was removed from this hub for good.",
        "hint": "Train without what had to be removed, and push that.",
    }


def _name_fitting_bases(outcome: dict[str, Any], asked: dict[str, Any] | None) -> None:
    """Where shapes refuse the declared base, let the first finding name registered ones that fit."""
    first = next((row for row in outcome["findings"] if row["severity"] == "error"), None)
    if first is not None and first["code"] in ("module_unknown", "shape_mismatch"):
        fitting = _fitting_bases(asked)
        if fitting:
            first["hint"] = f"These registered base models fit: {', '.join(fitting)}. Push again with --base."


def _base_without_shapes(base: BaseModel) -> dict[str, Any]:
    why = (base.error or {}).get("detail", "")
    return {
        "code": "base_without_shapes",
        "severity": "error",
        "message": f"{base} is registered, but its shapes could not be computed: {why}"[:500],
        "received": str(base),
        "hint": "Register it again under another revision with a table of its parameter shapes, then push with --base.",
    }


def _fitting_bases(asked: dict[str, Any] | None) -> list[str]:
    """Registered base models that have the shapes which the file asks for."""
    if asked is None:
        return []
    requirements = Requirements.from_dict(asked)
    names: list[str] = []
    for row in BaseModelShapes.objects.select_related("base").filter(base__state=BaseState.READY)[:_MAX_CANDIDATES]:
        if requirements.compare(row.as_shapes()).verdict == "fits":
            names.append(str(row.base))
        if len(names) == _MAX_SUGGESTIONS:
            break
    return names
