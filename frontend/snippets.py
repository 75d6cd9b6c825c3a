"""The lines that load an adapter, ready to copy: whole programs where the files say enough, none that cannot work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The task type of PEFT and the class of transformers whose models it is for.
_CLASSES = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
}
_WITH_LABELS = ("SEQ_CLS", "TOKEN_CLS")
_UNKNOWN = "BASE_MODEL"
_IMAGE_FORMATS = ("kohya", "diffusers")


@dataclass(frozen=True)
class Snippet:
    """One way to load it."""

    key: str
    title: str
    code: str


def load_snippets(hub_url: str, full_name: str, version: str, base: str, facts: Mapping[str, Any]) -> list[Snippet]:
    """Command line, Python with hubclient, and the libraries that read this format: PEFT, transformers, diffusers."""
    base = base or _UNKNOWN
    reference = f"{full_name}@{version}" if version else full_name
    folder = full_name.partition("/")[2]
    pulled = f"# after: hubclient pull {reference} --dest {folder}\n"
    made = [
        Snippet("cli", "hubclient", f"export HUB_URL={hub_url}\nhubclient pull {reference} --dest {folder}"),
        Snippet("python", "Python", _with_hubclient(hub_url, reference, base)),
    ]
    if facts.get("format") == "peft":
        made.append(Snippet("peft", "PEFT", pulled + _with_peft(folder, base, facts)))
        if not facts.get("heads"):
            made.append(Snippet("transformers", "transformers", pulled + _with_transformers(folder, base, facts)))
    if facts.get("format") in _IMAGE_FORMATS:
        made.append(Snippet("diffusers", "diffusers", pulled + _with_diffusers(folder, base)))
    return made


def _with_hubclient(hub_url: str, reference: str, base: str) -> str:
    return (
        f'from hubclient import Hub\n\nbase_model = "{base}"  # a folder, an id in the local cache, or a loaded model\n'
        f'model = Hub("{hub_url}").stitch(base_model, "{reference}")'
    )


def _with_peft(folder: str, base: str, facts: Mapping[str, Any]) -> str:
    return (
        f"from peft import PeftModel\n{_import(facts)}\n\n{_base(base, facts)}\n"
        f'model = PeftModel.from_pretrained(base_model, "{folder}").eval()'
    )


def _with_transformers(folder: str, base: str, facts: Mapping[str, Any]) -> str:
    made = _base(base, facts).replace("base_model =", "model =")
    return f'{_import(facts)}\n\n{made}\nmodel.load_adapter("{folder}")'


def _with_diffusers(folder: str, base: str) -> str:
    return (
        "from diffusers import DiffusionPipeline\n\n"
        f'pipeline = DiffusionPipeline.from_pretrained("{base}")\npipeline.load_lora_weights("{folder}")'
    )


def _import(facts: Mapping[str, Any]) -> str:
    return f"from transformers import {_class(facts)}"


def _class(facts: Mapping[str, Any]) -> str:
    return _CLASSES.get(str(facts.get("task_type")), "AutoModel")


def _base(base: str, facts: Mapping[str, Any]) -> str:
    labels = _labels(facts) if facts.get("task_type") in _WITH_LABELS else None
    counted = f", num_labels={labels}" if labels else ""
    return f'base_model = {_class(facts)}.from_pretrained("{base}"{counted})'


def _labels(facts: Mapping[str, Any]) -> int | None:
    """How many labels the head in the files tells apart; None where the files hold none."""
    for head in facts.get("heads") or []:
        for shape in (head.get("tensors") or {}).values():
            if len(shape) == 2:
                return int(shape[0])
    return None
