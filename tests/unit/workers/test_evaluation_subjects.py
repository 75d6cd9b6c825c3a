"""An adapter is put onto a loaded base and taken off again; whatever its method, no bit of the base has changed."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.small_models import (
    argument,
    files_of,
    make_adapter,
    make_base,
    say_nothing,
    sentences,
    subject,
    write_rows,
)  # fmt: skip

torch = pytest.importorskip("torch", reason="evaluations run on torch")
from workers.evaluation.base import Base  # noqa: E402
from workers.evaluation.batching import Batching, find_batch_size, run_in_batches  # noqa: E402
from workers.evaluation.errors import OutOfMemory, Refused  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402
from workers.evaluation.subjects import BaseChanged, bits_of, laid_out, wearing  # noqa: E402

CLASS = "AutoModelForSequenceClassification"
METHODS = [
    "lora", "dora", "all", "tokens", "ia3", "loha", "lokr", "oft", "hra", "vera", "fourier", "norms", "adalora",
    "prompt", "prefix", "ptuning",
]  # fmt: skip


def config_of(method: str) -> Any:
    import peft

    common: dict[str, Any] = {"task_type": "SEQ_CLS"}
    low_rank = common | {"r": 4, "target_modules": ["query", "value"]}
    return {
        "lora": lambda: peft.LoraConfig(**low_rank),
        "dora": lambda: peft.LoraConfig(use_dora=True, **low_rank),
        "all": lambda: peft.LoraConfig(**common, r=2, target_modules="all-linear"),
        "tokens": lambda: peft.LoraConfig(**low_rank, trainable_token_indices=[4, 5]),
        "hra": lambda: peft.HRAConfig(**low_rank),
        "fourier": lambda: peft.FourierFTConfig(**common, n_frequency=20, target_modules=["query"]),
        "norms": lambda: peft.LNTuningConfig(**common, target_modules=["LayerNorm"]),
        "ia3": lambda: peft.IA3Config(
            **common, target_modules=["query", "output.dense"], feedforward_modules=["output.dense"]
        ),
        "loha": lambda: peft.LoHaConfig(**low_rank),
        "lokr": lambda: peft.LoKrConfig(**low_rank),
        "oft": lambda: peft.OFTConfig(**common, oft_block_size=4, r=0, target_modules=["query"]),
        "vera": lambda: peft.VeraConfig(**low_rank),
        "adalora": lambda: peft.AdaLoraConfig(**common, init_r=4, target_modules=["query"], total_step=10),
        "prompt": lambda: peft.PromptTuningConfig(**common, num_virtual_tokens=4),
        "prefix": lambda: peft.PrefixTuningConfig(**common, num_virtual_tokens=4),
        "ptuning": lambda: peft.PromptEncoderConfig(**common, num_virtual_tokens=4, encoder_hidden_size=16),
    }[method]()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def base(folder: Path) -> Base:
    return Base(folder, torch.device("cpu"))


@pytest.mark.parametrize("method", METHODS)
def test_the_base_is_as_before_bit_for_bit_after_every_method(base, folder, tmp_path, method):
    model = base.load(CLASS, 2).model
    before, names = bits_of(model), [name for name, _ in model.named_modules()]
    settings = dict(model.config.to_dict())
    batch = {"input_ids": torch.tensor([[2, 4, 5, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    with torch.inference_mode():
        plain = model(**batch).logits
        adapter = make_adapter(folder, tmp_path / method, seed=3, config=config_of(method))
        with wearing(model, adapter) as worn:
            assert not torch.equal(worn(**batch).logits, plain)
        assert torch.equal(model(**batch).logits, plain)
    assert bits_of(model) == before
    assert [name for name, _ in model.named_modules()] == names
    assert model.config.to_dict() == settings


@pytest.mark.literature("Comprehensive Analysis of Adapter Efficiency")
def test_merging_to_measure_its_speed_leaves_the_base_alone(base, folder, tmp_path):
    adapter = make_adapter(folder, tmp_path / "lora", seed=3)
    before = bits_of(base.load(CLASS, 2).model)
    test = write_rows(tmp_path / "test", sentences(30))
    asked = argument(folder, test, [subject("a", adapter), subject("b", adapter)])
    first, second = evaluate(asked, say_nothing)["results"]
    assert first["predictions"] == second["predictions"]
    cost = first["efficiency"]
    assert cost["load_seconds"] > 0
    assert cost["rows_per_second"] > 0
    assert cost["peak_memory_bytes"] > 0
    assert cost["milliseconds_per_row"] > 0
    assert cost["milliseconds_per_row_merged"] > 0
    assert cost["milliseconds_per_row_base"] > 0
    # Two matrices of rank 4 on query and value of two layers, and a head of two rows.
    assert cost["parameters"] == 2 * 2 * (4 * 32 + 32 * 4) + 2 * 32 + 2
    assert cost["bytes"] == (adapter / "adapter_model.safetensors").stat().st_size
    assert bits_of(base.load(CLASS, 2).model) == before


def test_an_adapter_that_writes_into_the_base_is_found_out_and_the_base_loaded_anew(base, folder, tmp_path):
    adapter = make_adapter(folder, tmp_path / "lora", seed=3)
    own = Base(folder, torch.device("cpu"))
    model = own.load(CLASS, 2).model
    with pytest.raises(BaseChanged), wearing(model, adapter):
        model.bert.embeddings.word_embeddings.weight.add_(1)
    own.forget()
    assert bits_of(own.load(CLASS, 2).model) == bits_of(base.load(CLASS, 2).model)


def test_adapters_of_two_kinds_need_two_loads_however_they_are_mixed(folder, tmp_path, monkeypatch):
    headed = make_adapter(folder, tmp_path / "headed", seed=1)
    headless = make_adapter(folder, tmp_path / "headless", seed=1, task="FEATURE_EXTRACTION")
    test, train = write_rows(tmp_path / "test", sentences(10)), write_rows(tmp_path / "train", sentences(30, seed=1))
    mixed = [headed, headless, headed, None, headless]
    options = {"efficiency": False, "with_probe": True}
    subjects = [subject(str(number), place, **options) for number, place in enumerate(mixed)]
    seen: list[tuple[Any, ...]] = []
    plain = Base._load
    monkeypatch.setattr(Base, "_load", lambda self, *wanted: (seen.append(wanted), plain(self, *wanted))[1])
    outcome = evaluate(argument(folder, test, subjects, splits={"train": train}), say_nothing)["results"]
    assert [result["evaluation_id"] for result in outcome] == ["0", "1", "2", "3", "4"]
    assert [result["used"]["head"] for result in outcome] == ["adapter", "probe", "adapter", "probe", "probe"]
    assert sorted(wanted[0] for wanted in seen) == ["AutoModel", CLASS]


def test_an_error_under_an_adapter_takes_the_adapter_off_all_the_same(base, folder, tmp_path):
    model = base.load(CLASS, 2).model
    before = bits_of(model)
    adapter = make_adapter(folder, tmp_path / "lora", seed=3)
    with pytest.raises(ZeroDivisionError), wearing(model, adapter):
        raise ZeroDivisionError
    assert bits_of(model) == before
    assert not hasattr(model, "peft_config")


def test_memory_that_runs_out_halves_the_batches_and_the_same_size_gives_the_same_answers(
    folder, tmp_path, monkeypatch
):
    adapter = make_adapter(folder, tmp_path / "lora", seed=3)
    test = write_rows(tmp_path / "test", sentences(50))
    from transformers import BertForSequenceClassification

    plain, seen = BertForSequenceClassification.forward, []

    def forward(self: Any, *args: Any, **inputs: Any) -> Any:
        seen.append(len(inputs["input_ids"]))
        if seen[-1] > 10:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return plain(self, *args, **inputs)

    quick = {"efficiency": False}
    with monkeypatch.context() as patched:
        patched.setattr(BertForSequenceClassification, "forward", forward)
        [short] = evaluate(argument(folder, test, [subject("a", adapter, **quick)]), say_nothing)["results"]
    assert short["used"] | {"batch_size": 8, "batch_size_was": "found", "halvings": 2} == short["used"]
    assert seen[:3] == [32, 16, 8]
    asked = argument(folder, test, [subject("a", adapter, batch_size=8, **quick)])
    [replayed] = evaluate(asked, say_nothing)["results"]
    assert replayed["used"]["batch_size_was"] == "asked"
    assert replayed["used"]["halvings"] == 0
    assert replayed["predictions"] == short["predictions"]


def test_one_row_that_does_not_fit_ends_it():
    class Tokenizer:
        def pad(self, rows: list[Any], **options: Any) -> Any:
            from transformers import BatchEncoding

            return BatchEncoding({"input_ids": torch.ones(len(rows), 1)})

    def forward(batch: dict[str, Any]) -> Any:
        raise MemoryError

    used = Batching(batch_size=4, found=True)
    with pytest.raises(OutOfMemory):
        run_in_batches([{"input_ids": [1]}] * 4, Tokenizer(), forward, used=used, device=torch.device("cpu"))
    assert (used.batch_size, used.halvings) == (1, 2)


def test_the_batch_size_found_falls_with_length_and_width():
    class Small:
        hidden_size, num_attention_heads = 384, 12

    class Large:
        hidden_size, num_attention_heads = 8192, 64

    cpu = torch.device("cpu")
    assert find_batch_size(32, Small(), cpu) == 32
    assert 1 <= find_batch_size(512, Large(), cpu) < find_batch_size(512, Small(), cpu)


def test_files_are_laid_out_by_their_paths_and_none_leads_out(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    files = {f"deep/er/{name}": Path(place) for name, place in files_of(tmp_path).items()}
    with laid_out(files, None) as found:
        assert (found / "adapter_config.json").read_text() == "{}"
    assert not found.exists()
    with pytest.raises(Refused) as refused, laid_out({"../x": tmp_path}, None):
        pass
    assert refused.value.code == "path_invalid"
