"""Register base models, from a config.json or from a shape table alone."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from catalog.accounts.models import User
from catalog.bases.models import BaseModel, BaseModelAlias, BaseModelShapes, BaseState
from catalog.errors import Conflict, InvalidInput
from catalog.fits.comparing import not_compared_with, request_comparison
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.names import check_base_id, check_base_revision
from catalog.search.records import index_records_naming
from kernels.formats.base_shapes import BaseShapes
from kernels.formats.errors import FormatError

DESCRIBE_BASE = "describe_base"
MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True)
class Registration:
    """What registering did: the row, whether it is new, and the job that builds its shapes, if any."""

    base: BaseModel
    is_new: bool
    job: Job | None


def register_base(
    actor: User,
    *,
    name: str,
    revision: str = "main",
    config: dict[str, Any] | None = None,
    shapes: dict[str, Any] | None = None,
    aliases: list[str] | None = None,
    license_id: str = "",
    weights: str = "",
) -> Registration:
    """Register a base model; registering the same again is harmless.

    With ``shapes`` (parameter name -> shape, or components of such tables, or the hub's own table) it is ready at
    once. With ``config`` alone a job builds the table on the meta device.

    Raises:
        InvalidInput: bad id, neither config nor shapes, or a table that cannot be read.
        Conflict: ``base_exists`` when the id and revision are registered with other content.
    """
    check_base_id(name)
    check_base_revision(revision)
    if config is None and shapes is None:
        raise InvalidInput(
            detail="give config, shapes or both", field="config", hint="config is the model's config.json."
        )
    if config is not None and len(json.dumps(config)) > MAX_CONFIG_BYTES:
        raise InvalidInput(detail="config is over 1 MiB", field="config")
    table = None if shapes is None else read_shapes(shapes, name=name, revision=revision, config=config)
    with transaction.atomic():
        existing = BaseModel.objects.filter(folded=name.casefold(), revision=revision).first()
        if existing is not None and existing.state != BaseState.FAILED:
            return _registered_again(existing, config=config, table=table, aliases=aliases or [])
        base = existing or BaseModel(name=name, revision=revision)
        base.config, base.config_digest = config, _digest(config)
        base.license, base.weights, base.created_by = license_id, weights, actor
        base.state, base.error = BaseState.PENDING, None
        base.save()
        _add_aliases(base, aliases or [])
        index_records_naming(base)
        if table is not None:
            record_shapes(base, table)
            return Registration(base, True, None)
        job = submit(DESCRIBE_BASE, {"base_id": base.pk}, created_by=actor, subject=("base_model", str(base)))
        return Registration(base, True, job)


def read_shapes(shapes: dict[str, Any], *, name: str, revision: str, config: dict[str, Any] | None) -> BaseShapes:
    """A shape table in any accepted form. Raises InvalidInput with what is wrong."""
    try:
        if "modules" in shapes:
            return BaseShapes.from_dict({**shapes, "id": name, "revision": revision})
        return BaseShapes.from_parameter_shapes(shapes, id=name, revision=revision, config=config)
    except FormatError as error:
        raise InvalidInput(error.code, error.detail, field="shapes", hint=error.hint) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(
            detail=f"shapes cannot be read: {error}",
            field="shapes",
            hint='Give {"parameter.name": [d0, d1], ...}, or {"components": {"unet": {...}}}.',
        ) from error


@transaction.atomic
def record_shapes(base: BaseModel, table: BaseShapes) -> None:
    """Store the shape table and what follows from it; the base is then ready."""
    base.architecture = (table.architectures or [""])[0]
    base.model_type = table.model_type or ""
    base.hidden_size, base.layers = table.hidden_size, table.num_layers
    base.modules, base.parameters = len(table.modules), table.parameters
    base.shapes_digest = table.digest
    base.state, base.error = BaseState.READY, None
    base.save()
    BaseModelShapes.objects.update_or_create(base=base, defaults={"table": table.as_dict()})
    if not_compared_with(base).exists():
        request_comparison()


def record_failure(base: BaseModel, error: dict[str, Any]) -> None:
    """Keep why no shape table could be built."""
    BaseModel.objects.filter(pk=base.pk).update(state=BaseState.FAILED, error=error)


def reopen_base(base_id: int) -> None:
    """Let a failed base model wait for its shape table again. Raises Conflict ``not_retryable``."""
    if not BaseModel.objects.filter(pk=base_id, state=BaseState.FAILED).update(state=BaseState.PENDING, error=None):
        raise Conflict("not_retryable", "the base model is gone, or has its shapes by now")


def _registered_again(
    base: BaseModel, *, config: dict[str, Any] | None, table: BaseShapes | None, aliases: list[str]
) -> Registration:
    same_config = config is None or not base.config_digest or _digest(config) == base.config_digest
    same_table = table is None or not base.shapes_digest or table.digest == base.shapes_digest
    if not (same_config and same_table):
        raise Conflict(
            "base_exists",
            f"{base} is registered with another {'shape table' if same_config else 'config.json'}",
            field="id",
            hint="Register the other content under another revision, such as the commit it comes from.",
        )
    if aliases:
        _add_aliases(base, aliases)
        index_records_naming(base)
    return Registration(base, False, None)


def _add_aliases(base: BaseModel, aliases: list[str]) -> None:
    for alias in aliases:
        check_base_id(alias, field="aliases")
        folded = alias.casefold()
        taken = BaseModelAlias.objects.filter(folded=folded).exclude(base__folded=base.folded).first()
        if taken or BaseModel.objects.filter(folded=folded).exclude(folded=base.folded).exists():
            raise Conflict("name_taken", f"{alias!r} already names another base model", field="aliases")
        BaseModelAlias.objects.get_or_create(folded=folded, defaults={"base": base, "name": alias})


def _digest(config: dict[str, Any] | None) -> str:
    if config is None:
        return ""
    canonical = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
