"""A small catalog made through the services: two people, an organisation, one published and one pending adapter."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from catalog.accounts.models import Namespace, User
from catalog.accounts.services import create_organization, create_user, set_member
from catalog.adapters.commits import commit
from catalog.adapters.models import Adapter, Blob, Revision
from catalog.adapters.publication import record_verdict
from catalog.adapters.services import create_adapter
from catalog.bases.models import BaseModel
from catalog.bases.services import register_base
from catalog.reviews.services import decide
from tests.unit.frontend.measured import measured

__all__ = ["measured"]
PASSWORD = "a long pass phrase 7"
BASE = "example/tiny-encoder"
FACTS: dict[str, Any] = {
    "format": "peft",
    "method": "lora",
    "method_name": "LoRA",
    "rank": 4,
    "alpha": 8,
    "target_modules": ["query", "value"],
    "layers": [0, 1],
    "parameters": 12288,
    "base": {"declared": BASE, "declared_from": "option", "confirmed": True, "matched": BASE, "checked_tensors": 8},
    "spectrum": {
        "modules": {
            f"encoder.layer.{layer}.attention.{kind}": {
                "rank": 4,
                "norm": 1.5,
                "spectral_norm": 1.0,
                "effective_rank": 2.5 + layer,
                "singular_values": [1.0, 0.8, 0.5, 0.1],
            }
            for layer in (0, 1)
            for kind in ("query", "value")
        }
    },
}


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """A hasher that costs nothing: these tests make two people each."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Catalog:
    """The rows that most tests speak of."""

    owner: User
    writer: User
    team: Namespace
    base: BaseModel
    push: Callable[..., Revision]


@pytest.fixture
def catalog(db: None) -> Catalog:
    """The organisation ``team`` with its owner and a writer."""
    owner = create_user(username="owner", email="owner@example.org", password=PASSWORD)
    writer = create_user(username="writer", email="writer@example.org", password=PASSWORD)
    team = create_organization(owner, name="team", display_name="The team")
    set_member(owner, team, username="writer", role="writer")
    base = register_base(owner, name=BASE, shapes={"encoder.layer.0.attention.query.weight": [64, 64]}).base
    return Catalog(owner, writer, team, base, pusher(base))


def pusher(base: BaseModel) -> Callable[..., Revision]:
    """A function that pushes an adapter for ``base``, has it judged accepted and, with ``approve``, published."""

    def push(
        author: User,
        full_name: str,
        version: str = "1.0.0",
        *,
        content: str = "",
        approve: User | None = None,
        **given: Any,
    ) -> Revision:
        adapter = create_adapter(
            author, full_name=full_name, visibility=given.pop("visibility", "public"), exist_ok=True
        )
        facts = FACTS | given.pop("facts", {})
        report = given.pop("report", {})
        text = content or f"weights of {full_name} {version}"
        fields = {
            "claims": {"base": BASE},
            "license": "Apache-2.0",
            "languages": ["de"],
            "task": "token-classification",
        }
        made = commit(
            adapter,
            author=author,
            files={"adapter_model.safetensors": _blob(text), "adapter_config.json": _blob("{}")},
            version=version,
            message="Made for a test",
            metadata=fields | given,
        ).revision
        inspection = {"verdict": "accepted", "facts": facts, "findings": [], "disagreements": []} | report
        revision = record_verdict(made, inspection=inspection, base=base)
        if approve is not None:
            decide(approve, revision, decision="approve")
        return Revision.objects.get(pk=revision.pk)

    return push


def _blob(text: str) -> Blob:
    data = text.encode()
    row, _ = Blob.objects.get_or_create(
        sha256=hashlib.sha256(data).hexdigest(),
        defaults={"git_id": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), "size_bytes": len(data)},
    )
    return row


@pytest.fixture
def as_owner(catalog: Catalog) -> Client:
    """A browser in which the owner is signed in."""
    return _signed_in(catalog.owner)


@pytest.fixture
def as_writer(catalog: Catalog) -> Client:
    """A browser in which the writer is signed in."""
    return _signed_in(catalog.writer)


@pytest.fixture
def stranger() -> Client:
    """A browser in which nobody is signed in."""
    return Client()


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def published(catalog: Catalog) -> Adapter:
    """``team/ner-de`` 1.0.0, pushed by the writer and approved by the owner."""
    return catalog.push(catalog.writer, "team/ner-de", approve=catalog.owner, summary="Names in German text").adapter


@pytest.fixture
def pending(catalog: Catalog) -> Revision:
    """``team/pos-de`` 0.1.0, pushed by the writer, waiting."""
    return catalog.push(catalog.writer, "team/pos-de", "0.1.0")
