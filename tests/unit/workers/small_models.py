"""A BERT of two layers with a vocabulary of its own, adapters on it, and a set of texts: seconds, not minutes."""

import json
from pathlib import Path
from typing import Any

PRAISE, BLAME = ["good", "great", "fine"], ["bad", "awful", "poor"]
WORDS = [*PRAISE, *BLAME, "film", "book", "song", "was", "is", "very", "not", "the", "a", "an"]
LABELS = ["negative", "positive"]


def make_base(folder: Path, *, seed: int = 0, intermediate: int = 64, **options: Any) -> Path:
    """Save the model and its tokenizer as transformers does."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    plain = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=plain, model_max_length=64, **special).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=intermediate,
        max_position_embeddings=64, **options,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def make_adapter(
    base: Path, folder: Path, *, seed: int, labels: int = 2, task: str = "SEQ_CLS", config: Any = None
) -> Path:
    """Save an untrained LoRA (or what ``config`` says) whose every tensor is drawn by ``seed``."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    classes = {"SEQ_CLS": "SequenceClassification", "TOKEN_CLS": "TokenClassification"}
    name = f"AutoModelFor{classes[task]}" if task in classes else "AutoModel"
    options = {"num_labels": labels} if task in classes else {}
    model = getattr(transformers, name).from_pretrained(base, local_files_only=True, **options)
    model = get_peft_model(model, config or LoraConfig(task_type=task, r=4, target_modules=["query", "value"]))
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder


def files_of(folder: Path) -> dict[str, str]:
    """The files of an adapter as a job gets them."""
    return {path.name: str(path) for path in folder.iterdir()}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sentences(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Texts of different lengths, whose label is that of the only word of praise or blame."""
    import random

    drawn = random.Random(seed)
    rows = []
    for number in range(count):
        label = number % 2
        word = drawn.choice(PRAISE if label else BLAME)
        rest = drawn.choices(WORDS[6:], k=drawn.randint(1, 20))
        rest.insert(drawn.randint(0, len(rest)), word)
        rows.append({"text": " ".join(rest), "label": LABELS[label]})
    return rows


def argument(base: Path, test: Path, subjects: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    """The argument of :func:`workers.evaluation.run.evaluate`."""
    files = {"test": str(test)} | {split: str(path) for split, path in said.pop("splits", {}).items()}
    plain = {"harness": "sequence_classification", "labels": LABELS, "columns": {}, "template": "", "options": {}}
    return {
        "base": {"path": str(base)},
        "set": plain | {"files": files, "metric": "accuracy"} | said,
        "subjects": subjects,
        "device": "cpu",
    }


def subject(name: str, folder: Path | None, **settings: Any) -> dict[str, Any]:
    """One adapter, or the base alone."""
    return {"evaluation_id": name, "files": files_of(folder) if folder else None, "settings": settings}


def say_nothing(*said: Any) -> None:
    """Hear of progress."""
