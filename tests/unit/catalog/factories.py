"""Makers of users, namespaces, base models, adapter files and pushes, all through the real services."""

import hashlib
import json
import struct
import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from catalog.accounts.models import Namespace, Role, User
from catalog.accounts.services import create_organization, create_user, set_member
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload
from catalog.uploads.services import AnnouncedFile, finish_upload, open_upload, plan_parts, receive_part

PASSWORD = "a-quiet-harbour-41"
WIDTH = 16
PROJECTION = "model.layers.0.self_attn.q_proj"
ACCEPTED: dict[str, Any] = {"verdict": "accepted", "facts": {"method": "lora", "rank": 4}, "findings": []}
REFUSED: dict[str, Any] = {
    "verdict": "refused",
    "facts": {},
    "findings": [{"code": "shape_mismatch", "severity": "error", "message": "does not fit"}],
}


def make_user(username: str, *, is_admin: bool = False) -> User:
    """A user named after a role, such as ``owner``."""
    return create_user(username=username, email=f"{username}@example.org", password=PASSWORD, is_admin=is_admin)


def make_namespace(owner: User, name: str = "lab", *, is_review_required: bool = True, **roles: User) -> Namespace:
    """An organisation; ``writer=user`` gives that user that role."""
    namespace = create_organization(owner, name=name, is_review_required=is_review_required)
    for role, user in roles.items():
        set_member(owner, namespace, username=user.username, role=Role(role))
    return namespace


def make_base(actor: User, name: str = "tiny/llama") -> BaseModel:
    """A base model of one square projection, ready at once."""
    return register_base(actor, name=name, shapes={f"{PROJECTION}.weight": [WIDTH, WIDTH]}).base


def safetensors(tensors: dict[str, tuple[int, ...]], *, seed: int = 1) -> bytes:
    """A safetensors file of float32 tensors, the bytes written out by hand."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, shape in tensors.items():
        count = 1
        for length in shape:
            count *= length
        data = struct.pack(f"<{count}f", *(((seed * 37 + i * 7) % 23 - 11) / 50 + 0.001 for i in range(count)))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def lora_files(*, rank: int = 4, seed: int = 1, base: str = "tiny/llama", **config: Any) -> dict[str, bytes]:
    """A PEFT LoRA of rank ``rank`` that fits :func:`make_base`: config, weights and a card."""
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    tensors: dict[str, tuple[int, ...]] = {
        f"base_model.model.{PROJECTION}.lora_A.weight": (rank, WIDTH),
        f"base_model.model.{PROJECTION}.lora_B.weight": (WIDTH, rank),
    }
    return {
        "adapter_config.json": json.dumps({**said, "base_model_name_or_path": base, **config}).encode(),
        "adapter_model.safetensors": safetensors(tensors, seed=seed),
        "README.md": b"---\nlicense: mit\nlanguage: de\n---\n# An adapter\n",
    }


def digests_of(files: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 of every file."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def announce(files: dict[str, bytes], *, with_digests: bool = False) -> list[AnnouncedFile]:
    """The files as a client announces them."""
    digests = digests_of(files) if with_digests else {}
    return [AnnouncedFile(path, len(data), digests.get(path, "")) for path, data in files.items()]


def open_push(actor: User, files: dict[str, bytes], adapter: str = "lab/ner", **options: Any) -> Upload:
    """An open upload; ``options`` go to ``open_upload``."""
    metadata = options.pop("metadata", Metadata())
    opened = open_upload(actor, adapter=adapter, files=announce(files), metadata=metadata, **options)
    assert isinstance(opened, Upload)
    return opened


def send_all(upload: Upload, files: dict[str, bytes]) -> None:
    """Every part of every file."""
    for file in upload.files.all():
        data = files[file.path]
        for part in plan_parts(upload, file):
            chunk = data[part.offset : part.offset + part.size_bytes]
            receive_part(upload, index=file.index, number=part.number, chunks=[chunk])


def push(actor: User, files: dict[str, bytes] | None = None, adapter: str = "lab/ner", **options: Any) -> Revision:
    """Open, send, finish: a revision that is being validated."""
    files = lora_files() if files is None else files
    upload = open_push(actor, files, adapter, **options)
    send_all(upload, files)
    revision = finish_upload(actor, upload, digests_of(files)).revision
    assert revision is not None, "a large file went past the hub: run the receive job"
    return revision


def accept(revision: Revision, base: BaseModel | None = None) -> Revision:
    """Give an accepted verdict."""
    return record_verdict(revision, inspection=ACCEPTED, base=base)


def publish(actor: User, files: dict[str, bytes] | None = None, adapter: str = "lab/ner", **options: Any) -> Revision:
    """A pushed, accepted and published revision."""
    revision = accept(push(actor, files, adapter, **options))
    if revision.state == "pending":
        revision = publish_revision(revision, actor=actor)
    revision.refresh_from_db()
    return revision


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Start every call at the same moment in a thread of its own; each one's value, or the exception it raised."""
    outcomes: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(index: int) -> None:
        gate.wait()
        try:
            outcomes[index] = calls[index]()
        except Exception as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
