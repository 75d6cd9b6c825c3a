"""The allow-list of adapter_config.json: what PEFT writes passes, every known route to code is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernels.formats.adapter_config import check_config, is_local_path, known_types, load_config
from kernels.formats.errors import FormatError

REPOSITORY = Path(__file__).resolve().parents[3]
LORA = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}


def errors_of(**more: Any) -> list[tuple[str, str]]:
    """(code, first quoted word) of the errors for a LoRA config with these keys."""
    findings = check_config({**LORA, **more})[1]
    return [(row.code, row.message.split("'")[1]) for row in findings if row.severity == "error"]


ROUTES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an import through auto_mapping": (
        {"auto_mapping": {"base_model_class": "X", "parent_library": "os"}},
        "config_value_refused",
        "auto_mapping.parent_library",
    ),
    "an import of a remote module": (
        {"auto_mapping": {"base_model_class": "X", "parent_library": "transformers_modules.evil"}},
        "config_value_refused",
        "auto_mapping.parent_library",
    ),
    "a class name that is a path": (
        {"auto_mapping": {"base_model_class": "a.b", "parent_library": "transformers.models.bert"}},
        "config_value_refused",
        "auto_mapping.base_model_class",
    ),
    "an import through megatron_core": ({"megatron_core": "evil.core"}, "config_value_refused", "megatron_core"),
    "a megatron_config": ({"megatron_config": {"a": 1}}, "config_value_refused", "megatron_config"),
    "a kernel from an address": (
        {"_attn_implementation_internal": "evil/kernel"},
        "config_key_unknown",
        "_attn_implementation_internal",
    ),
    "custom code": ({"auto_map": {"AutoModel": "evil--model.X"}}, "config_key_unknown", "auto_map"),
    "trust_remote_code": ({"trust_remote_code": True}, "config_key_unknown", "trust_remote_code"),
    "a base model by address": (
        {"base_model_name_or_path": "https://evil.example/x"},
        "config_value_refused",
        "base_model_name_or_path",
    ),
    "a file address": (
        {"base_model_name_or_path": "file:///etc/passwd"},
        "config_value_refused",
        "base_model_name_or_path",
    ),
    "an address in an odd place": (
        {"target_modules": ["http://evil.example"]},
        "config_value_refused",
        "target_modules",
    ),
    "a path in an odd place": ({"corda_config": {"cache_file": "/etc/passwd"}}, "config_value_refused", "corda_config"),
    "a climbing revision": ({"revision": "../../x"}, "config_value_refused", "revision"),
    "a rank of zero": ({"r": 0}, "config_value_refused", "r"),
    "a rank that is text": ({"r": "8"}, "config_value_refused", "r"),
    "an unknown key": ({"surprise": 1}, "config_key_unknown", "surprise"),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_to_code_is_refused_by_name(route: str) -> None:
    more, code, key = ROUTES[route]
    assert errors_of(**more) == [(code, key)]


@pytest.mark.parametrize(("kwargs", "is_refused"), [({"trust_remote_code": True}, True), ({}, False), (None, False)])
def test_tokenizer_arguments_must_be_empty(kwargs: Any, is_refused: bool) -> None:
    config = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4, "tokenizer_kwargs": kwargs}
    assert any(row.severity == "error" for row in check_config(config)[1]) is is_refused


def test_a_pickle_of_initial_prompts_is_refused() -> None:
    config = {"peft_type": "MULTITASK_PROMPT_TUNING", "prompt_tuning_init_state_dict_path": "x.bin"}
    assert [row.code for row in check_config(config)[1]] == ["config_value_refused"]


def test_code_keys_are_refused_in_configurations_of_other_libraries() -> None:
    assert [row.code for row in check_config({"config": {}, "model_name": "x", "auto_map": {"a": "b"}})[1]] == [
        "config_value_refused"
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"megatron_core": "megatron.core", "megatron_config": None, "loftq_config": {}, "auto_mapping": None},
        {"auto_mapping": {"base_model_class": "BertModel", "parent_library": "transformers.models.bert.modeling_bert"}},
        {"target_modules": r".*\.(q|v)_proj$", "rank_pattern": {r"layers\.\d+\.q_proj": 4}},
        {"base_model_name_or_path": "/mnt/models/x"},
        {"base_model_name_or_path": "D:\\models\\x"},
        {"revision": "refs/pr/1"},
        {"lora_alpha": 0.5},
        {"loftq_config": {"loftq_bits": 4, "loftq_iter": 1}},
        {"init_lora_weights": "pissa_niter_16"},
        {"layers_to_transform": [0, 1]},
        {"use_dora": True},
    ],
)
def test_what_peft_writes_passes_without_a_word(more: dict[str, Any]) -> None:
    assert check_config({**LORA, **more})[1] == []


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_an_unknown_key_that_says_nothing_passes_with_a_warning(value: Any) -> None:
    assert [(row.code, row.severity) for row in check_config({**LORA, "later_key": value})[1]] == [
        ("config_key_ignored", "warning")
    ]


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"r": NaN}', "[]", "{", '{"a": ' * 5000, "\x80\x04"])
def test_a_malformed_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError) as caught:
        load_config(path)
    assert caught.value.code == "config_malformed"


def test_a_huge_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    path.write_text('{"a": "' + "x" * 2**20 + '"}')
    with pytest.raises(FormatError):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("google/gemma-3-270m", False),
        ("gpt2", False),
        ("gemma3-270m-it", False),
        ("/a/b", True),
        ("C:\\x", True),
        ("C:/x/y", True),
        ("./x", True),
        ("../x", True),
        ("~/x", True),
        ("\\\\host\\x", True),
        ("a/b/c", True),
        (".", True),
    ],
)
def test_local_paths_are_told_from_ids(text: str, is_path: bool) -> None:
    assert is_local_path(text) is is_path


def test_every_default_of_every_type_passes() -> None:
    schema = json.loads((REPOSITORY / "kernels" / "formats" / "peft_schema.json").read_text("utf-8"))["types"]
    assert len(known_types()) == len(schema) >= 45
    for peft_type, defaults in schema.items():
        assert check_config({**defaults, "peft_type": peft_type})[1] == []


def test_the_schema_is_that_of_the_installed_peft() -> None:
    peft = pytest.importorskip("peft", reason="the schema is read from PEFT's own classes")
    from scripts.make_peft_schema import TARGET, schema

    written = json.loads(TARGET.read_text("utf-8"))
    if written["peft_version"] != peft.__version__:
        pytest.skip(f"the schema is of PEFT {written['peft_version']}, installed is {peft.__version__}")
    assert written == json.loads(json.dumps(schema()))
