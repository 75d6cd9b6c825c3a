"""The options of sets of text, as their manifest says them: data alone, checked before any row is read.

A task of lm_eval may name functions, prompts, datasets and paths; none of these is an option here.
"""

from typing import Any

from catalog.errors import InvalidInput, Unprocessable

LANGUAGE_MODEL_METRICS: dict[str, tuple[str, ...]] = {
    "multiple_choice": ("acc", "acc_norm", "acc_bytes", "brier_score"),
    "loglikelihood": ("acc", "perplexity"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}
LANGUAGE_MODEL_OPTIONS = frozenset(
    {
        "output_type",
        "doc_to_text",
        "doc_to_target",
        "doc_to_choice",
        "description",
        "num_fewshot",
        "target_delimiter",
        "fewshot_delimiter",
    }
)
GENERATION_OPTIONS = frozenset({"max_new_tokens", "until"})
MOST_FEWSHOT, MOST_NEW_TOKENS = 32, 512


def check_language_model(options: dict[str, Any], metric: str) -> None:
    """What the harness ``language_model`` would refuse later.

    Raises:
        InvalidInput: an option that is none, or out of range. Unprocessable: ``metric_unknown``.
    """
    _check_names(options, LANGUAGE_MODEL_OPTIONS)
    kind = options.get("output_type", "multiple_choice")
    if kind not in LANGUAGE_MODEL_METRICS:
        raise _wrong("output_type", kind, f"it is one of {', '.join(LANGUAGE_MODEL_METRICS)}")
    _check_number(options, "num_fewshot", 0, MOST_FEWSHOT)
    if metric not in LANGUAGE_MODEL_METRICS[kind]:
        known = ", ".join(LANGUAGE_MODEL_METRICS[kind])
        raise Unprocessable(
            "metric_unknown", f"{kind} has no metric {metric[:80]!r}", field="manifest", hint=f"One of {known}."
        )


def check_generation(options: dict[str, Any], metric: str) -> None:
    """What the harness ``generation`` would refuse later. Raises InvalidInput."""
    _check_names(options, GENERATION_OPTIONS)
    _check_number(options, "max_new_tokens", 1, MOST_NEW_TOKENS)
    until = options.get("until", [])
    if not isinstance(until, list) or len(until) > 16 or not all(isinstance(text, str) and text for text in until):
        raise _wrong("until", until, "it is a list of at most 16 texts")


def _check_names(options: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(options) - known)
    if unknown:
        raise InvalidInput(
            "unknown_field",
            f"this harness has no option {unknown[0][:80]!r}",
            field="manifest",
            hint=f"It has {', '.join(sorted(known))}.",
        )


def _check_number(options: dict[str, Any], name: str, least: int, most: int) -> None:
    value = options.get(name, least)
    if type(value) is not int or not least <= value <= most:
        raise _wrong(name, value, f"it is a whole number from {least} to {most}")


def _wrong(name: str, value: Any, what: str) -> InvalidInput:
    return InvalidInput(detail=f"the option {name} is {value!r:.80}; {what}", field="manifest")
