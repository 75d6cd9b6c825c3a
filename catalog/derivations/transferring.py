"""Ask for an adapter on another base model (Trans-LoRA): the old one answers texts, a new one learns its answers.

Experimental: nothing promises that what was learnt on one base model can be learnt by another from these texts.
"""

from typing import Any

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.adapters.queries import get_adapter, get_revision
from catalog.adapters.services import namespace_for_push
from catalog.bases.models import BaseModel, BaseState
from catalog.bases.queries import get_base
from catalog.derivations.adapting import require_split
from catalog.derivations.models import Derivation, DerivationKind
from catalog.derivations.starting import Wanted, start
from catalog.derivations.training_settings import read_transfer_settings
from catalog.errors import Conflict, Unprocessable
from catalog.evaluations.fitting import head_rows, require_fit, require_measurable, require_rows
from catalog.evaluations.models import SetRevision
from catalog.evaluations.offering import require_offered
from catalog.evaluations.queries import get_set_revision, rows_hidden
from catalog.names import check_version, split_reference

TRANSFER = "transfer"


def request_transfer(
    actor: User,
    *,
    adapter: str,
    source: str,
    base_model: str,
    text_set: str,
    evaluation_set: str = "",
    version: str = "",
    settings: dict[str, Any] | None = None,
) -> Derivation:
    """Teach a fresh LoRA on ``base_model`` what ``source`` answers on the texts of a set; it waits for its job.

    The texts need no labels. With an ``evaluation_set`` both sides are measured on it.

    Raises:
        NotFound: the adapter, the base model, or ``set_not_found``. NotPermitted: ``actor`` does not write there, or
        ``rows_hidden``. InvalidInput: settings. Unprocessable: ``no_head`` (it answers no labels), ``same_base_model``,
        ``split_missing``, ``labels_do_not_fit``, ``harness_mismatch``. Conflict
        ``base_not_ready``; Gone, Busy: as :mod:`catalog.evaluations.fitting`.
    """
    asked = read_transfer_settings(settings or {})
    if version:
        check_version(version)
    namespace_for_push(actor, adapter)
    full_name, ref = split_reference(source)
    parent = get_revision(actor, get_adapter(actor, full_name), ref)
    old_base = require_measurable(parent)
    if parent.facts.get("task_type") != "SEQ_CLS" or not head_rows(parent.facts):
        raise Unprocessable(
            "no_head",
            f"{parent} has no classification head, so that it has no answers to learn",
            field="source",
            hint="Only adapters for sequence classification are transferred.",
        )
    new_base = _new_base(base_model, old_base)
    texts = _texts(actor, text_set, asked["split"])
    sets = {"text": texts}
    recipe = {"base_model": str(new_base), "old_base_model": str(old_base), "text_set": str(texts), **asked}
    recipe["text_set_digest"] = texts.digest
    recipe["metadata"] = {"base": str(new_base), "task": parent.task, "languages": parent.languages}
    if evaluation_set:
        on = get_set_revision(actor, evaluation_set)
        require_offered(on)
        require_fit(parent, old_base, on, {"with_probe": False})
        require_rows(on)
        sets["evaluation"] = on
        recipe |= {"evaluation_set": str(on), "set_digest": on.digest}
    wanted = Wanted(adapter, version, [parent], recipe, sets)
    return start(actor, wanted, kind=DerivationKind.TRANSFER)


def _new_base(name: str, old: BaseModel) -> BaseModel:
    found = get_base(name)
    if found == old:
        raise Unprocessable(
            "same_base_model", f"the adapter is for {old} already", field="base_model", hint="Name another base model."
        )
    if found.state != BaseState.READY:
        raise Conflict("base_not_ready", f"{found} is {found.state}", field="base_model", hint="Wait for its shapes.")
    return found


def _texts(actor: User, text_set: str, split: str) -> SetRevision:
    texts = get_set_revision(actor, text_set)
    # The student's answers on hidden texts could tell of them.
    if texts.is_hidden and role_in(actor, texts.evaluation_set.namespace) not in WRITE_ROLES:
        raise rows_hidden(texts)
    require_offered(texts)
    require_split(texts, split)
    require_rows(texts)
    return texts
