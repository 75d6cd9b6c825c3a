"""A causal language model of a few thousand numbers, with a tokenizer of its own, trained in seconds on small sums."""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def questions(count: int, seed: int, *, wrong: float = 0.0) -> list[dict]:
    """Rows ``question``, ``choices`` and ``answer`` (an index); a share of ``wrong`` answers where asked."""
    drawn = random.Random(seed)
    rows = []
    for _ in range(count):
        a = drawn.randrange(5)
        b = drawn.randrange(5)
        others = drawn.sample([n for n in range(10) if n != a + b], 3)
        choices = [WORDS[n] for n in sorted([a + b, *others])]
        answer = choices.index(WORDS[a + b])
        if drawn.random() < wrong:
            answer = (answer + 1) % 4
        rows.append({"question": f"{WORDS[a]} plus {WORDS[b]} is", "choices": choices, "answer": answer})
    return rows


def sentence(row: dict) -> str:
    return f"{row['question']} {row['choices'][row['answer']]}"


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def build(folder: Path) -> Path:
    """Weights and tokenizer of a small Llama, which knows half of its sums."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([sentence(row) for row in questions(200, 0)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    train(model, fast, [sentence(row) for row in questions(300, 1, wrong=0.5)], steps=60)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def small_seq2seq(folder: Path) -> Path:
    """An untrained T5 of a few thousand numbers with a tokenizer of words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", "plus", "is", *WORDS])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=plain, model_max_length=64, **special).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(vocabulary), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def adapt(base: Path, folder: Path, *, steps: int = 60, wrong: float = 0.0, rank: int = 4) -> Path:
    """A LoRA on the model in ``base`` that has learned the sums better."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(1)
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj", "up_proj"], task_type="CAUSAL_LM"
    )
    worn = get_peft_model(model, config)
    rows = questions(300, 2, wrong=wrong)
    train(worn, AutoTokenizer.from_pretrained(base), [sentence(row) for row in rows], steps=steps)
    worn.save_pretrained(folder)
    return folder


def train(model, tokenizer, texts: list[str], *, steps: int) -> None:
    """A few steps of AdamW on all texts at once, in batches of 32."""
    optimiser = torch.optim.AdamW([tensor for tensor in model.parameters() if tensor.requires_grad], lr=5e-3)
    model.train()
    order = random.Random(0)
    for _ in range(steps):
        batch = tokenizer([text + "</s>" for text in order.sample(texts, 32)], return_tensors="pt", padding=True)
        batch.pop("token_type_ids", None)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model(**batch, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.eval()
