"""Sets of text: what their options may say, checked before a row is read."""

import pytest

from catalog.errors import DomainError
from catalog.evaluations.harnesses import ASKED
from catalog.evaluations.language_options import (
    GENERATION_OPTIONS,
    LANGUAGE_MODEL_METRICS,
    LANGUAGE_MODEL_OPTIONS,
    MOST_FEWSHOT,
    MOST_NEW_TOKENS,
)
from catalog.evaluations.manifests import read_manifest


def manifest(harness: str = "language_model", metric: str = "acc", **options: object):
    return read_manifest({"harness": harness, "metric": metric, "options": options})


def test_a_task_of_multiple_choice_is_read():
    read = manifest(doc_to_text="{{question}}", doc_to_choice="choices", doc_to_target="answer", num_fewshot=3)
    assert read.options["num_fewshot"] == 3
    assert manifest("generation", "chrf", max_new_tokens=20, until=["\n"]).options["until"] == ["\n"]


@pytest.mark.parametrize(
    ("harness", "metric", "options", "code"),
    [
        ("language_model", "acc", {"process_docs": "!function utils.f"}, "unknown_field"),
        ("language_model", "acc", {"dataset_path": "json"}, "unknown_field"),
        ("language_model", "acc", {"use_prompt": "promptsource:x"}, "unknown_field"),
        ("language_model", "acc", {"output_type": "generate_until"}, "invalid_input"),
        ("language_model", "acc", {"num_fewshot": -1}, "invalid_input"),
        ("language_model", "acc", {"num_fewshot": True}, "invalid_input"),
        ("language_model", "acc", {"output_type": "loglikelihood_rolling"}, "metric_unknown"),
        ("language_model", "word_perplexity", {}, "metric_unknown"),
        ("generation", "bleu", {"temperature": 1.0}, "unknown_field"),
        ("generation", "bleu", {"max_new_tokens": 100_000}, "invalid_input"),
        ("generation", "bleu", {"until": "\n"}, "invalid_input"),
    ],
)
def test_what_no_harness_would_do_is_refused_with_the_manifest(harness, metric, options, code):
    with pytest.raises(DomainError) as refused:
        manifest(harness, metric, **options)
    assert refused.value.code == code


def test_the_catalog_and_the_workers_know_the_same_metrics_and_options():
    pytest.importorskip("torch", reason="the workers' side imports torch")
    from workers.evaluation import generation, language_model, language_rows

    assert language_model.METRICS == LANGUAGE_MODEL_METRICS
    assert language_rows.OPTIONS == LANGUAGE_MODEL_OPTIONS
    assert language_rows.MOST_FEWSHOT == MOST_FEWSHOT
    assert generation.OPTIONS == GENERATION_OPTIONS
    assert generation.MOST_NEW_TOKENS == MOST_NEW_TOKENS
    assert frozenset(generation.METRICS) == ASKED["generation"].metrics
