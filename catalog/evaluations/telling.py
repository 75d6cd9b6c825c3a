"""What may be told of an error: what broke on a hidden row may quote it."""

from typing import Any

from catalog.evaluations.models import SetRevision
from catalog.plain import plain_error

UNTOLD = "the rows are hidden, so no more is told"
# Errors whose words are never those of a row.
TELLS_NOTHING = frozenset(
    {
        "adapter_writes_base",
        "base_weights_missing",
        "cancelled",
        "harness_mismatch",
        "labels_do_not_fit",
        "metric_unknown",
        "no_head",
        "no_tokenizer",
        "resource_limit",
        "result_missing",
        "score_missing",
        "set_withdrawn",
        "worker_lost",
    }
)


def told(error: dict[str, Any], on: SetRevision) -> dict[str, Any]:
    """Code, detail and hint as a row keeps them; of hidden rows the code alone, unless its words are never a row's."""
    if on.is_hidden and error.get("code") not in TELLS_NOTHING:
        return {"code": str(error.get("code")), "detail": UNTOLD}
    return plain_error(error)
