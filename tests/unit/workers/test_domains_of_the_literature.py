"""Adapters of the literature's domains: pushed with their authors' words, typed from the file, labelled, found."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.bases.services import register_base
from catalog.collections.changing import add_items, change_item
from catalog.collections.queries import get_collection_revision, items_of
from catalog.collections.services import create_collection
from catalog.evaluations.claims import claims_of
from catalog.evaluations.harnesses import ASKED
from catalog.search.queries import SearchQuery, search
from catalog.taxonomy.domains import cautions_of
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, safetensors
from tests.unit.workers.pushed_domains import Files, published

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
WIDTH = 16
TEXT, ACTIONS, SPEECH, SOUND = "tiny/llama", "tiny/action-state-transformer", "tiny/wav2vec2", "tiny/ast"
PICTURES, FACES, DIFFUSION, READER = "tiny/dinov3", "tiny/clip", "tiny/stable-diffusion", "tiny/bert"
ATTENTION = {"model.layers.0.self_attn.q_proj.weight": [WIDTH, WIDTH]}


def encoder(*layers: int) -> dict[str, list[int]]:
    """The shapes of an encoder's layers, as BERT names them."""
    return {f"encoder.layer.{layer}.output.dense.weight": [WIDTH, 4 * WIDTH] for layer in layers}


BASES: dict[str, dict[str, Any]] = {
    TEXT: ATTENTION,
    ACTIONS: ATTENTION,
    PICTURES: ATTENTION,
    READER: encoder(0, 1),
    SPEECH: encoder(*range(12)),
    SOUND: encoder(*range(4)),
    FACES: {"encoder.norm.weight": [8], "encoder.norm.bias": [8]},
    DIFFUSION: {
        "components": {
            "unet": {
                "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": [WIDTH, WIDTH],
            }
        }
    },
}


def bottleneck(*layers: int, model_type: str = "bert", model_name: str = READER) -> Files:
    """A sequential bottleneck of the adapters library behind the output of some layers."""
    tensors: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        stem = f"encoder.layer.{layer}.output.adapters.mine"
        tensors |= {
            f"{stem}.adapter_down.0.weight": (4, WIDTH),
            f"{stem}.adapter_down.0.bias": (4,),
            f"{stem}.adapter_up.weight": (WIDTH, 4),
            f"{stem}.adapter_up.bias": (WIDTH,),
        }
    config = {
        "config": {"architecture": None, "mh_adapter": False, "output_adapter": True, "reduction_factor": 4},
        "hidden_size": WIDTH,
        "model_class": "Model",
        "model_name": model_name,
        "model_type": model_type,
        "name": "mine",
        "version": "adapters.1.3.0",
    }
    return {"adapter_config.json": json.dumps(config).encode(), "adapter.safetensors": safetensors(tensors)}


def lora_with_head() -> Files:
    """A LoRA whose decoder head is saved beside it."""
    files = lora_files(base=PICTURES, modules_to_save=["decode_head"])
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    shapes = {f"{module}.lora_A.weight": (4, WIDTH), f"{module}.lora_B.weight": (WIDTH, 4)}
    return {
        **files,
        "adapter_model.safetensors": safetensors({**shapes, "base_model.model.decode_head.conv.weight": (2, 8, 1, 1)}),
    }


def diffusers_lora() -> Files:
    """A LoRA for the attention of a diffusion model's U-Net, as diffusers writes it."""
    stem = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    shapes: dict[str, tuple[int, ...]] = {f"{stem}.lora_A.weight": (4, WIDTH), f"{stem}.lora_B.weight": (WIDTH, 4)}
    return {"pytorch_lora_weights.safetensors": safetensors(shapes)}


@dataclass(frozen=True)
class Case:
    """One system: what is pushed, in whose words, as what it is typed, and who finds it."""

    files: Files
    said: Metadata
    method: str
    found_by: tuple[SearchQuery, ...]
    front: dict[str, Any] = field(default_factory=dict)


CASES = {
    "Hierarchical3D Adapters": Case(
        bottleneck(0, 1),
        Metadata(base=READER, task="long-document-summarization", tags=["video", "dialogue", "multimodal"]),
        "bottleneck-pfeiffer",
        (SearchQuery(task="long-summarization", tag="video"), SearchQuery(domain="dialogue", tag="multimodal")),
    ),
    "LoRACode": Case(
        lora_files(),
        Metadata(base=TEXT, task="code-retrieval", tags=["python"]),
        "lora",
        (SearchQuery(task="code-search", tag="python"), SearchQuery(domain="software"), SearchQuery(modality="code")),
    ),
    "RepairLLaMA": Case(
        lora_files(),
        Metadata(base=TEXT, task="automated-program-repair", tags=["java"]),
        "lora",
        (SearchQuery(task="program-repair", tag="java"), SearchQuery(domain="code")),
        front={"input_format": "<FILL_ME> marks the fault; the faulty lines stand in comments above it"},
    ),
    "wav2vec2 ASR adapters": Case(
        bottleneck(10, 11, model_type="wav2vec2", model_name=SPEECH),
        Metadata(base=SPEECH, task="automatic-speech-recognition", languages=["sw"]),
        "bottleneck-pfeiffer",
        (SearchQuery(task="asr", language="sw"), SearchQuery(modality="speech")),
    ),
    "PETL for AST": Case(
        bottleneck(3, model_type="audio-spectrogram-transformer", model_name=SOUND),
        Metadata(base=SOUND, task="audio-classification", tags=["speech-commands"]),
        "bottleneck-pfeiffer",
        (SearchQuery(task="sound-classification"), SearchQuery(modality="audio", tag="speech-commands")),
    ),
    "Protein LMs with LoRA": Case(
        lora_files(),
        Metadata(base=TEXT, task="protein-design"),
        "lora",
        (SearchQuery(task="protein-generation"), SearchQuery(domain="proteins"), SearchQuery(modality="protein")),
        front={
            "property_prompt": "Seq=<stability> <solubility>",
            "model-index": [
                {
                    "name": "p",
                    "results": [
                        {
                            "task": {"type": "protein-generation"},
                            "dataset": {"name": "held-out families"},
                            "metrics": [{"type": "plddt", "value": 71.4}],
                        }
                    ],
                }
            ],
        },
    ),
    "GenD deepfake detector": Case(
        {
            "adapter_config.json": json.dumps({"peft_type": "LN_TUNING", "target_modules": ["norm"]}).encode(),
            "adapter_model.safetensors": safetensors({"base_model.model.encoder.norm.ln_tuning_layers.weight": (8,)}),
        },
        Metadata(base=FACES, task="deepfake-detection", tags=["faces"]),
        "ln-tuning",
        (SearchQuery(task="face-forgery-detection"), SearchQuery(domain="biometrics"), SearchQuery(modality="image")),
    ),
    "PeftCD": Case(
        lora_with_head(),
        Metadata(base=PICTURES, task="remote-sensing-change-detection"),
        "lora",
        (SearchQuery(task="change-detection"), SearchQuery(domain="satellite"), SearchQuery(modality="image")),
    ),
    "Sky-T1 long-CoT LoRA": Case(
        lora_files(),
        Metadata(base=TEXT, task="long-cot", training_data="17,000 demonstrations distilled from QwQ", tags=["math"]),
        "lora",
        (SearchQuery(task="long-chain-of-thought"), SearchQuery(domain="science")),
    ),
    "HiPA": Case(
        diffusers_lora(),
        Metadata(base=DIFFUSION, task="one-step-diffusion", tags=["image-to-image", "super-resolution"]),
        "lora",
        (
            SearchQuery(task="one-step-generation", tag="super-resolution"),
            SearchQuery(domain="acceleration", tag="image-to-image"),
            SearchQuery(modality="image"),
        ),
    ),
    "PASTA": Case(
        lora_files(base=ACTIONS),
        Metadata(base=ACTIONS, task="rl", tags=["continuous-control"]),
        "lora",
        (SearchQuery(task="reinforcement-learning", base=ACTIONS), SearchQuery(domain="robotics")),
    ),
}


@pytest.fixture
def owner(store: object, sent: object) -> User:
    """The owner of ``lab``; base models for text, pictures, sound and actions are registered."""
    user = make_user("owner")
    make_namespace(user, "lab", is_review_required=False)
    admin = make_user("admin", is_admin=True)
    for name, shapes in BASES.items():
        register_base(admin, name=name, shapes=shapes)
    return user


@pytest.mark.parametrize(
    "system", [pytest.param(name, marks=pytest.mark.literature(name)) for name in CASES], ids=list(CASES)
)
def test_an_adapter_of_this_domain_is_pushed_typed_labelled_and_found(system: str, owner: User) -> None:
    case = CASES[system]
    revision = published(owner, "mine", case.files, case.said, **case.front)
    assert revision.method == case.method
    for query in case.found_by:
        assert [row.full_name for row in search(query, NOBODY).rows] == ["lab/mine"], query
    other = SearchQuery(task="translation")
    assert search(other, NOBODY).rows == []
    check = globals().get(f"_{system.split()[0].lower().replace('-', '_')}")
    if check:
        check(revision)


def _loracode(revision: Revision) -> None:
    assert "mrr" in ASKED["embeddings"].metrics


def _repairllama(revision: Revision) -> None:
    assert revision.claims["card"]["input_format"].startswith("<FILL_ME>")


def _wav2vec2(revision: Revision) -> None:
    assert revision.facts["layers"] == [10, 11]


def _petl(revision: Revision) -> None:
    assert (revision.facts["target_modules"], revision.facts["layers"]) == (["output"], [3])


def _protein(revision: Revision) -> None:
    assert revision.claims["card"]["property_prompt"] == "Seq=<stability> <solubility>"
    assert [(claim.metric, claim.value) for claim in claims_of(revision)] == [("plddt", 71.4)]


def _gend(revision: Revision) -> None:
    assert cautions_of(revision.task, revision.tags) == ("biometric",)
    assert (revision.facts["family"], revision.facts["level"]) == ("scaling", "stitch")


def _peftcd(revision: Revision) -> None:
    assert [head["module"] for head in revision.facts["heads"]] == ["decode_head"]


def _sky_t1(revision: Revision) -> None:
    assert revision.claims["training_data"].startswith("17,000 demonstrations")


def _pasta(revision: Revision) -> None:
    assert str(revision.base_model).startswith(ACTIONS)
    assert revision.facts["base"]["confirmed"] is True


SETS: dict[str, tuple[Files, str, list[dict[str, Any]], tuple[SearchQuery, ...]]] = {
    "MLKG adapter set": (
        bottleneck(0),
        "bottleneck-pfeiffer",
        [
            {"task": "mlki", "languages": ["de", "fr"], "tags": ["facts"]},
            {"task": "entity-alignment", "languages": ["de", "sw"]},
        ],
        (SearchQuery(domain="knowledge-graph", language="de"),),
    ),
    "TAIL": (
        lora_files(),
        "lora",
        [
            {"task": "robot-imitation-learning", "tags": ["open-the-drawer"]},
            {"task": "imitation-learning", "tags": ["stack-the-cubes", "continual-control"]},
        ],
        (SearchQuery(task="behaviour-cloning"), SearchQuery(domain="robotics")),
    ),
    "Sentence-embedding domain adapters": (
        lora_files(),
        "lora",
        [{"task": "sentence-embeddings", "tags": ["legal"]}, {"task": "sentence-similarity", "tags": ["medical"]}],
        (SearchQuery(base=TEXT, method="lora"),),
    ),
    "StyleBART": (
        bottleneck(0),
        "bottleneck-pfeiffer",
        [
            {"task": "headline-generation", "tags": ["humorous", "style"]},
            {"task": "stylistic-headline-generation", "tags": ["romantic", "style"]},
        ],
        (SearchQuery(task="headlines", tag="style"),),
    ),
    "Bactrian-X": (
        lora_files(),
        "lora",
        [
            {"task": "instruction-tuning", "languages": ["de"]},
            {"task": "instruction-tuning", "languages": ["sw"]},
            {"task": "instruction-following", "languages": ["zh-Hans"]},
        ],
        (SearchQuery(task="instruction-following", base=TEXT),),
    ),
    "Omni-AVSR": (
        lora_files(),
        "lora",
        [
            {"task": "audio-visual-speech-recognition", "tags": ["shared"]},
            {"task": "speech-recognition", "tags": ["by-ear"]},
            {"task": "lip-reading", "tags": ["by-lips"]},
        ],
        (SearchQuery(task="avsr"), SearchQuery(task="visual-speech-recognition"), SearchQuery(task="asr")),
    ),
    "OpenMed NER": (
        lora_files(),
        "lora",
        [
            {"task": "biomedical-named-entity-recognition", "tags": ["diseases"], "languages": ["en"]},
            {"task": "medical-ner", "tags": ["chemicals"], "languages": ["en"]},
        ],
        (SearchQuery(task="biomedical-ner"), SearchQuery(domain="medical")),
    ),
}


@pytest.mark.parametrize(
    "system", [pytest.param(name, marks=pytest.mark.literature(name)) for name in SETS], ids=list(SETS)
)
def test_a_set_of_adapters_of_this_domain_is_one_collection_and_each_of_it_is_found(system: str, owner: User) -> None:
    files, method, members, found_by = SETS[system]
    names = []
    for at, words in enumerate(members):
        base = TEXT if method == "lora" else READER
        revision = published(owner, f"member-{at}", files, Metadata(base=base, **words))
        assert revision.method == method
        names.append(f"lab/member-{at}")
    found = {row.full_name for query in found_by for row in search(query, NOBODY).rows}
    assert found == set(names)
    made = create_collection(owner, full_name="lab/all-of-it")
    add_items(owner, made, names)
    change_item(owner, made, names[-1], position=1, note="the first to try")
    made.refresh_from_db()
    kept = list(items_of(NOBODY, get_collection_revision(made)))
    assert [item.full_name for item in kept] == [names[-1], *names[:-1]]
    for name, words in zip(names, members, strict=True):  # one of them alone: by its language or its tag
        alone = SearchQuery(tag=words["tags"][0]) if words.get("tags") else SearchQuery(language=words["languages"][-1])
        assert name in [row.full_name for row in search(alone, NOBODY).rows]
    if system == "OpenMed NER":
        assert "f1" in ASKED["token_classification"].metrics
    if system == "Sentence-embedding domain adapters":
        assert "spearman" in ASKED["similarity"].metrics
        assert "ndcg_at_10" in ASKED["embeddings"].metrics
        assert [row.full_name for row in search(SearchQuery(domain="law"), NOBODY).rows] == ["lab/member-0"]
