"""Files made to do harm go the whole way, push and child process, and end refused with their reason; none is opened."""

import json
import struct

import pytest
from django.test import Client

from catalog.adapters.models import Revision
from catalog.jobs.models import Job
from tests.hostile.canary import pickles
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, push
from tests.unit.hub.calling import API, client_of
from workers.supervisor import supervise

pytest.importorskip("torch", reason="the forkserver preloads torch")
# The supervisor closes connections that are no longer usable, so that a test's transaction would not survive it.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner():
    """The owner of ``lab`` and the base model of :func:`lora_files`."""
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    return owner


def judge(owner, files: dict[str, bytes]) -> Revision:
    """Push, run the job in a real child, and give the revision."""
    revision = push(owner, files)
    supervise(str(revision.validation_job_id))
    revision.refresh_from_db()
    assert revision.validation_job_id
    job = Job.objects.get(pk=revision.validation_job_id)
    assert job.state == "succeeded", job.error
    shown = client_of(owner).get(f"{API}/adapters/lab/ner/revisions/{revision.commit_id}")
    assert shown.status_code == 200
    return revision


def errors(revision: Revision) -> list[dict]:
    return [finding for finding in revision.report["findings"] if finding["severity"] == "error"]


def test_the_harmless_one_passes(owner):
    revision = judge(owner, lora_files())
    assert (revision.state, errors(revision)) == ("pending", [])


def test_no_pickle_is_opened_under_any_name(owner, tmp_path):
    canary = tmp_path / "canary"
    names = [
        "adapter_model.safetensors",
        "notes.txt",
        "tokenizer.model",
        "picture.png",
        "data",
        "adapter_config.json",
        "README.md",
    ]
    traps = list(pickles(canary).items())
    for number, name in enumerate(names):
        for wrapping, data in traps[number % 3 :: 3]:
            revision = judge(owner, lora_files() | {name: data})
            if name in ("adapter_model.safetensors", "adapter_config.json"):
                assert revision.state == "invalid", (name, wrapping)
            assert not canary.exists(), (name, wrapping)


@pytest.mark.parametrize("wrapping", ["protocol 2", "protocol 4", "torch zip"])
def test_a_pickle_under_a_safetensors_name_is_called_one(owner, tmp_path, wrapping):
    data = pickles(tmp_path / "canary")[wrapping]
    revision = judge(owner, lora_files() | {"adapter_model.safetensors": data})
    assert [finding["code"] for finding in errors(revision)] == ["pickle_refused"]
    assert not (tmp_path / "canary").exists()


CODE_ROUTES = [
    ("auto_mapping", {"parent_library": "os", "base_model_class": "system"}),
    ("auto_mapping", {"parent_library": "transformers.models.bert", "base_model_class": "X", "extra": 1}),
    ("auto_map", {"AutoModel": "lab/ner--modeling.Model"}),
    ("trust_remote_code", True),
    ("custom_code", "modeling.py"),
    ("megatron_core", "evil.module"),
    ("megatron_config", {"a": 1}),
    ("tokenizer_kwargs", {"trust_remote_code": True}),
    ("base_model_name_or_path", "https://elsewhere.example/model"),
    ("corda_config", {"cache_file": "/etc/passwd"}),
    ("loftq_config", {"path": "file:///etc/passwd"}),
    ("unknown_hook", "os.system"),
    ("__class__", "x"),
]


@pytest.mark.parametrize(("key", "value"), CODE_ROUTES, ids=[f"{key}-{n}" for n, (key, _) in enumerate(CODE_ROUTES)])
def test_every_route_from_a_config_to_code_ends_invalid_and_names_the_key(owner, key, value):
    revision = judge(owner, lora_files(**{key: value}))
    assert revision.state == "invalid"
    assert any(key in finding["message"] for finding in errors(revision)), errors(revision)


def header(table: object, data: bytes = b"") -> bytes:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + data


WEIGHTS = {
    "empty": b"",
    "a length beyond the file": struct.pack("<Q", 1 << 62) + b"{}",
    "no json": header(b"x" * 20),
    "deep": header(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "no tensors": header({}),
    "overlap": header({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, b"1234"),
    "beyond": header({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"1234"),
    "huge shape": header({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}, b"1234"),
    "negative": header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}, b"1234"),
    "odd name": header(b'{"\\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', b"1234"),
    "odd metadata": header(
        b'{"__metadata__": {"a": "\\ud800"}, "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', b"1234"
    ),
    "nan": header(
        {
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": {
                "dtype": "F32",
                "shape": [1, 16],
                "data_offsets": [0, 64],
            }
        },
        b"\xff" * 64,
    ),
}


@pytest.mark.parametrize("data", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_lie_end_invalid(owner, data):
    revision = judge(owner, lora_files() | {"adapter_model.safetensors": data})
    assert revision.state == "invalid"
    assert errors(revision)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"a":' * 50_000,
        b'{"r": 1, "r": 2}',
        b'{"r": NaN}',
        b'{"peft_type": ["LORA"]}',
        b'{"peft_type": "LORA", "r": 1e999}',
        b'{"peft_type": "LORA", "x": "\\ud800"}',
        b'{"base_model_name_or_path": "\\ud800", "peft_type": "LORA"}',
        b'{"peft_type":"LORA","r":' + b"9" * 5000 + b"}",
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_a_config_that_lies_ends_invalid_and_can_be_shown(owner, data):
    assert judge(owner, lora_files() | {"adapter_config.json": data}).state == "invalid"


def test_nothing_of_a_hostile_card_reaches_the_page_alive(owner):
    card = b'---\ntitle: "\\ud800"\nn: 0x' + b"F" * 6000 + b"\n---\n<script>alert(1)</script>[x](javascript:alert(1))"
    revision = judge(owner, lora_files() | {"README.md": card})
    assert revision.state == "pending"
    page = Client().get(f"/lab/ner/revisions/{revision.commit_id}")
    assert page.status_code in (200, 404)
    assert b"<script>alert" not in page.content
