"""What people write without a hub, for `benchmarks.evaluation`: run as `python -m`, prints one JSON line."""

import json
import os
import sys
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
BATCH_SIZE = 32


def predict(base: str, adapter: str, rows: str, labels: int) -> dict[str, Any]:
    """One adapter in a process of its own: load, predict row after row in the file's order, in batches."""
    import torch

    torch.set_num_threads(1)
    texts, tokenizer, model = _texts(rows), _tokenizer(base), _model(base, adapter, labels)
    answers = []
    with torch.no_grad():
        for start in range(0, len(texts), BATCH_SIZE):
            batch = tokenizer(texts[start : start + BATCH_SIZE], padding=True, truncation=True, return_tensors="pt")
            answers += model(**batch).logits.argmax(dim=1).tolist()
    return {"answers": len(answers)}


def forward(base: str, adapters: str, rows: str, labels: int) -> dict[str, Any]:
    """The forward passes of all adapters alone: loaded, tokenised, sorted and padded before the clock runs."""
    import torch

    torch.set_num_threads(1)
    texts, tokenizer = _texts(rows), _tokenizer(base)
    order = sorted(range(len(texts)), key=lambda row: -len(tokenizer(texts[row])["input_ids"]))
    batches = [
        tokenizer([texts[row] for row in order[start : start + BATCH_SIZE]], padding=True, return_tensors="pt")
        for start in range(0, len(order), BATCH_SIZE)
    ]
    seconds = []
    for adapter in adapters.split(os.pathsep):
        model = _model(base, adapter, labels)
        with torch.inference_mode():
            model(**batches[-1])
            start = time.perf_counter()
            for batch in batches:
                model(**batch)
            seconds.append(time.perf_counter() - start)
    return {"seconds": sum(seconds), "each": seconds}


def _texts(rows: str) -> list[str]:
    with open(rows, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def _tokenizer(base: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def _model(base: str, adapter: str, labels: int) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels)
    return PeftModel.from_pretrained(model, adapter).eval()


if __name__ == "__main__":
    mode, base_path, adapter_path, rows_path, label_count = sys.argv[1:]
    found = {"predict": predict, "forward": forward}[mode](base_path, adapter_path, rows_path, int(label_count))
    print(json.dumps(found))
