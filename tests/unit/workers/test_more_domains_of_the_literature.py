"""Further domains of the literature, each on the architecture of its field: typed, labelled, found, with its cautions.

Where a system's own module is in no file format that others write too, a LoRA (or a bottleneck) for the same task on
the same architecture stands for it: these rows ask whether a hub has room for the domain.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from numpy.typing import NDArray

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.evaluations.boards import leaders
from catalog.evaluations.claims import claims_of
from catalog.fits.comparing import compare_base
from catalog.search.queries import SearchQuery, search
from catalog.taxonomy.domains import cautions_of
from catalog.uploads.metadata import Metadata
from frontend.facts import claim_rows
from tests.unit.catalog.factories import make_namespace, make_user, safetensors
from tests.unit.catalog.measuring import make_set, measure
from tests.unit.workers.pushed_domains import Files, published
from workers.evaluation.intervals import intervals

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
WIDTH, RANK = 16, 4
Shapes = dict[str, Any]
CLIP = [f"vision_model.encoder.layers.{layer}.self_attn.{name}_proj" for layer in (0, 1) for name in "qv"]
WHISPER = [f"model.decoder.layers.0.encoder_attn.{name}_proj" for name in "qv"]
SPEECH_T5 = ["speecht5.decoder.wrapped_decoder.layers.0.self_attn.q_proj"]
MISTRAL = [f"model.layers.{layer}.self_attn.q_proj" for layer in (0, 1)]
VIT = ["vit.encoder.layer.0.attention.attention.query"]
AST = ["audio_spectrogram_transformer.encoder.layer.0.attention.attention.query"]
BERT = ["bert.encoder.layer.0.attention.self.query"]
UNET = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q"
TEXT_ENCODER = "text_model.encoder.layers.0.self_attn.q_proj"


def square(modules: list[str]) -> Shapes:
    """Shapes of a base model whose named projections are square."""
    return {f"{module}.weight": [WIDTH, WIDTH] for module in modules}


def diffusion() -> Shapes:
    """A diffusion model's two components that LoRAs attach to."""
    parts = {"unet": square([UNET]), "text_encoder": square([TEXT_ENCODER])}
    return {"components": parts}


def lora(modules: list[str], **config: Any) -> Files:
    """A LoRA of these modules, as PEFT saves it."""
    tensors: dict[str, tuple[int, ...]] = {}
    for module in modules:
        tensors[f"base_model.model.{module}.lora_A.weight"] = (RANK, WIDTH)
        tensors[f"base_model.model.{module}.lora_B.weight"] = (WIDTH, RANK)
    targets = sorted({module.rpartition(".")[2] for module in modules})
    said = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "target_modules": targets, **config}
    return {"adapter_config.json": json.dumps(said).encode(), "adapter_model.safetensors": safetensors(tensors)}


def kohya(*stems: str) -> Files:
    """A LoRA of a diffusion model, as kohya's trainer writes it."""
    tensors: dict[str, tuple[int, ...]] = {}
    for stem in stems:
        name = stem.replace(".", "_")
        tensors |= {f"{name}.lora_down.weight": (RANK, WIDTH), f"{name}.lora_up.weight": (WIDTH, RANK)}
        tensors[f"{name}.alpha"] = ()
    return {"pytorch_lora_weights.safetensors": safetensors(tensors)}


def sam_lora(blocks: int = 2) -> Files:
    """The query's and the value's pair of every block of SAM's image encoder, as its LoRA trainers save them."""
    tensors: dict[str, tuple[int, ...]] = {}
    for number in range(2 * blocks):
        tensors |= {f"w_a_{number:03}": (RANK, WIDTH), f"w_b_{number:03}": (WIDTH, RANK)}
    return {"lora_rank4.safetensors": safetensors(tensors)}


def bottleneck(task: str) -> Files:
    """A sequential bottleneck of the adapters library behind the output of a RoBERTa's layers."""
    tensors: dict[str, tuple[int, ...]] = {}
    for layer in (0, 1):
        stem = f"roberta.encoder.layer.{layer}.output.adapters.{task}"
        tensors |= {
            f"{stem}.adapter_down.0.weight": (RANK, WIDTH),
            f"{stem}.adapter_down.0.bias": (RANK,),
            f"{stem}.adapter_up.weight": (WIDTH, RANK),
            f"{stem}.adapter_up.bias": (WIDTH,),
        }
    config = {
        "config": {"architecture": None, "mh_adapter": False, "output_adapter": True, "reduction_factor": 4},
        "hidden_size": WIDTH,
        "model_class": "RobertaAdapterModel",
        "model_name": "roberta-base",
        "model_type": "roberta",
        "name": task,
        "version": "adapters.1.3.0",
    }
    return {"adapter_config.json": json.dumps(config).encode(), "adapter.safetensors": safetensors(tensors)}


def soft_prompt() -> Files:
    """A prompt of four virtual tokens, as PEFT saves it."""
    said = {
        "peft_type": "PROMPT_TUNING",
        "task_type": "CAUSAL_LM",
        "num_virtual_tokens": 4,
        "token_dim": WIDTH,
        "num_transformer_submodules": 1,
        "num_attention_heads": 2,
        "num_layers": 1,
    }
    tensors: dict[str, tuple[int, ...]] = {"prompt_embeddings": (4, WIDTH)}
    return {"adapter_config.json": json.dumps(said).encode(), "adapter_model.safetensors": safetensors(tensors)}


def roberta() -> Shapes:
    return {f"roberta.encoder.layer.{layer}.output.dense.weight": [WIDTH, 4 * WIDTH] for layer in (0, 1)}


def score(task: str, metric: str, value: float) -> dict[str, Any]:
    """A claimed score, as a card says it."""
    result = {"task": {"type": task}, "dataset": {"name": "held out"}, "metrics": [{"type": metric, "value": value}]}
    return {"model-index": [{"name": "x", "results": [result]}]}


@dataclass(frozen=True)
class Pushed:
    """One adapter: its files, the author's words and front matter."""

    files: Files
    said: dict[str, Any]
    front: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One system: its base models, its adapters, as what they are typed, and which queries find all of them."""

    bases: dict[str, Shapes]
    pushed: list[Pushed]
    method: str
    found_by: tuple[SearchQuery, ...]
    cautions: tuple[str, ...] = ()
    check: Callable[[list[Revision]], None] | None = None


def _is_on_every_block(revisions: list[Revision]) -> None:
    assert revisions[0].facts["layers"] == [0, 1]


def _takes_what_descends_from_it(revisions: list[Revision]) -> None:
    for base in BaseModel.objects.all():
        compare_base(base)
    for name in ("tiny/stable-diffusion", "tiny/realistic-vision"):
        assert [row.full_name for row in search(SearchQuery(fits=name), NOBODY).rows] == ["lab/member-0"]
    assert search(SearchQuery(fits="tiny/sdxl"), NOBODY).rows == []


def _is_in_the_text_encoder(revisions: list[Revision]) -> None:
    ((module, *_),) = revisions[0].facts["requirements"]
    assert module == f"lora_te_{TEXT_ENCODER.replace('.', '_')}"


def _claims_word_error_rates(revisions: list[Revision]) -> None:
    assert [claims_of(revision)[0].metric for revision in revisions] == ["wer", "wer"]
    for language, revision in zip(("mi", "gn"), revisions, strict=True):
        found = search(SearchQuery(task="speech-recognition", language=language), NOBODY).rows
        assert [row.full_name for row in found] == [revision.adapter.full_name]


def _shows(key: str, *values: str) -> Callable[[list[Revision]], None]:
    """What the card says under ``key`` stands among the claims of each adapter's page."""

    def check(revisions: list[Revision]) -> None:
        for revision, value in zip(revisions, values, strict=True):
            assert {row.title: row.value for row in claim_rows(revision)}[key] == value

    return check


def _carries_knowledge(revisions: list[Revision]) -> None:
    found = search(SearchQuery(tag="token-types", domain="software"), NOBODY).rows
    assert [row.full_name for row in found] == ["lab/member-0"]


def _is_scored_with_an_interval(revisions: list[Revision]) -> None:
    """Twelve labelled debates are few: the interval that the hub computes is wide, and shown."""
    right = [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]

    def mean(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return drawn @ np.array(right) / drawn.sum(axis=1)

    low, high = intervals({"accuracy": mean}, len(right), 0)["accuracy"]
    on = make_set(revisions[0].adapter.namespace, "debates", task="stance", languages=["de"])
    measure(revisions[0], on, right, low=low, high=high)
    (line,) = leaders(NOBODY, on).rows
    assert line.evaluation.score == 0.75
    assert (line.evaluation.score_low, line.evaluation.score_high) == (low, high)
    assert 0.4 < low < 0.6 < 0.9 < high <= 1.0


CASES: dict[str, Case] = {
    "AdapterShadow": Case(
        {"tiny/sam": {f"image_encoder.blocks.{block}.attn.qkv.weight": [3 * WIDTH, WIDTH] for block in (0, 1)}},
        [Pushed(sam_lora(), {"task": "shadow-detection"})],
        "lora",
        (SearchQuery(task="image-segmentation"), SearchQuery(modality="image", base="tiny/sam")),
        check=_is_on_every_block,
    ),
    "AGD (adapter guidance distillation)": Case(
        {
            "tiny/stable-diffusion": diffusion(),
            "tiny/realistic-vision": diffusion(),
            "tiny/sdxl": {"components": {"unet": {f"{UNET}.weight": [2 * WIDTH, 2 * WIDTH]}}},
        },
        [Pushed(kohya(f"lora_unet_{UNET}"), {"task": "guidance-distillation"})],
        "lora",
        (SearchQuery(task="diffusion-acceleration"), SearchQuery(domain="acceleration", modality="image")),
        check=_takes_what_descends_from_it,
    ),
    "FineCLIPER": Case(
        {"tiny/clip": square(CLIP)},
        [Pushed(lora(CLIP), {"task": "dynamic-facial-expression-recognition", "tags": ["video"]})],
        "lora",
        (SearchQuery(task="facial-expression-recognition", tag="video"), SearchQuery(domain="faces", base="tiny/clip")),
        cautions=("biometric",),
    ),
    "TTS speaker adapters": Case(
        {"tiny/speecht5": square(SPEECH_T5)},
        [
            Pushed(
                lora(SPEECH_T5, target_modules=["q_proj"]),
                {"task": "tts", "tags": ["speaker"], "license": license_id},
                {"speaker_consent": consent},
            )
            for license_id, consent in (("cc-by-nc-4.0", "written, for research"), ("mit", "written, for any use"))
        ],
        "lora",
        (SearchQuery(task="text-to-speech"), SearchQuery(domain="voices")),
        cautions=("voice",),
        check=_shows("speaker_consent", "written, for research", "written, for any use"),
    ),
    "SUR-adapter": Case(
        {"tiny/stable-diffusion": diffusion()},
        [Pushed(kohya(f"lora_te_{TEXT_ENCODER}"), {"task": "prompt-alignment"})],
        "lora",
        (SearchQuery(task="prompt-understanding"), SearchQuery(modality="image")),
        check=_is_in_the_text_encoder,
    ),
    "LDA tail-language ASR": Case(
        {"tiny/whisper": square(WHISPER)},
        [
            Pushed(lora(WHISPER), {"task": "asr", "languages": [language]}, score("asr", "wer", value))
            for language, value in (("mi", 21.5), ("gn", 34.0))
        ],
        "lora",
        (SearchQuery(task="speech-recognition", base="tiny/whisper"), SearchQuery(modality="speech")),
        check=_claims_word_error_rates,
    ),
    "NVS-Adapter": Case(
        {"tiny/stable-diffusion": diffusion()},
        [Pushed(kohya(f"lora_unet_{UNET}"), {"task": "nvs"}, {"cameras": "4 views, azimuth 0 to 270, elevation 15"})],
        "lora",
        (SearchQuery(task="novel-view-synthesis"), SearchQuery(modality="image")),
        check=_shows("cameras", "4 views, azimuth 0 to 270, elevation 15"),
    ),
    "Tem-adapter": Case(
        {"tiny/clip": square(CLIP)},
        [Pushed(lora(CLIP), {"task": "video-qa"})],
        "lora",
        (SearchQuery(task="video-question-answering", base="tiny/clip"), SearchQuery(modality="video")),
    ),
    "NER adapters (CodeBERTER)": Case(
        {"tiny/codebert": roberta()},
        [
            Pushed(bottleneck("types"), {"task": "token-classification", "tags": ["token-types", "code"]}),
            Pushed(bottleneck("refine"), {"task": "code-refinement", "tags": ["java"]}),
            Pushed(bottleneck("summarise"), {"task": "code-to-text", "tags": ["java"]}),
        ],
        "bottleneck-pfeiffer",
        (SearchQuery(domain="software", base="tiny/codebert"),),
        check=_carries_knowledge,
    ),
    "Educational guidance LoRA": Case(
        {"tiny/mistral": square(MISTRAL)},
        [
            Pushed(
                lora(MISTRAL), {"task": "educational-guidance", "tags": ["study-abroad"]}, {"quantized": "nf4, 4 bit"}
            )
        ],
        "lora",
        (SearchQuery(task="advice"), SearchQuery(domain="education", tag="study-abroad")),
        check=_shows("quantized", "nf4, 4 bit"),
    ),
    "StoryDALL-E": Case(
        {"tiny/image-transformer": {"transformer.wte.weight": [32, WIDTH], "transformer.wpe.weight": [8, WIDTH]}},
        [Pushed(soft_prompt(), {"task": "story-continuation"})],
        "prompt-tuning",
        (SearchQuery(task="story-visualization"), SearchQuery(domain="art", modality="image")),
    ),
    "MV-Adapter": Case(
        {"tiny/sdxl": diffusion()},
        [Pushed(kohya(f"lora_unet_{UNET}"), {"task": "multi-view"}, {"cameras": "6 orthographic views"})],
        "lora",
        (SearchQuery(task="multi-view-generation", base="tiny/sdxl"),),
        check=_shows("cameras", "6 orthographic views"),
    ),
    "Argument coding Ukraine debate": Case(
        {"tiny/german-roberta": roberta()},
        [
            Pushed(bottleneck("stance"), {"task": "stance-detection", "languages": ["de"], "tags": ["few-shot"]}),
            Pushed(bottleneck("claims"), {"task": "argument-coding", "languages": ["de"], "tags": ["few-shot"]}),
        ],
        "bottleneck-pfeiffer",
        (SearchQuery(domain="news", language="de"), SearchQuery(domain="politics", tag="few-shot")),
        check=_is_scored_with_an_interval,
    ),
    "Any2Point": Case(
        {"tiny/bert": square(BERT), "tiny/vit": square(VIT), "tiny/ast": square(AST)},
        [
            Pushed(lora(modules), {"task": "any-to-3d", "base": base})
            for modules, base in ((BERT, "tiny/bert"), (VIT, "tiny/vit"), (AST, "tiny/ast"))
        ],
        "lora",
        (SearchQuery(task="3d-understanding"), SearchQuery(modality="3d")),
    ),
}


@pytest.fixture
def owner(store: object, sent: object) -> User:
    """The owner of ``lab``, where nothing waits for a review."""
    user = make_user("owner")
    make_namespace(user, "lab", is_review_required=False)
    return user


def pushed_all(owner: User, case: Case, **options: Any) -> list[Revision]:
    """Every adapter of a case, published beside its base models."""
    admin = make_user("admin", is_admin=True)
    for name, shapes in case.bases.items():
        register_base(admin, name=name, shapes=shapes)
    given = {"base": next(iter(case.bases))}
    return [
        published(owner, f"member-{at}", one.files, Metadata(**(given | one.said)), **options, **one.front)
        for at, one in enumerate(case.pushed)
    ]


@pytest.mark.parametrize(
    "system", [pytest.param(name, marks=pytest.mark.literature(name)) for name in CASES], ids=list(CASES)
)
def test_adapters_of_this_domain_are_pushed_typed_labelled_and_found(system: str, owner: User) -> None:
    case = CASES[system]
    revisions = pushed_all(owner, case)
    names = [revision.adapter.full_name for revision in revisions]
    for revision in revisions:
        assert revision.method == case.method
        # Of a bottleneck of the adapters library, shapes alone do not tell.
        assert revision.facts["base"]["confirmed"] is (None if revision.method.startswith("bottleneck") else True)
        assert cautions_of(revision.task, revision.tags) == case.cautions
    for query in case.found_by:
        assert sorted(row.full_name for row in search(query, NOBODY).rows) == names, query
    assert search(SearchQuery(task="translation"), NOBODY).rows == []
    if case.check is not None:
        case.check(revisions)


@pytest.mark.literature("Personalised aesthetics residual adapters")
def test_an_adapter_of_one_persons_taste_is_found_by_that_person_alone(owner: User) -> None:
    said = {"task": "photo-aesthetics", "tags": ["per-user"]}
    case = Case({"tiny/vit": square(VIT)}, [Pushed(lora(VIT), said)], "lora", ())
    pushed_all(owner, case, visibility="private")
    for query in (SearchQuery(task="image-aesthetics"), SearchQuery(domain="personalisation")):
        assert [row.full_name for row in search(query, owner).rows] == ["lab/member-0"]
        assert search(query, NOBODY).rows == search(query, make_user(f"other-{len(query.task)}")).rows == []
