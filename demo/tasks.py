"""The tasks that the demonstration trains adapters for, and how each adapter is shaped."""

from dataclasses import dataclass, field, replace

ATTENTION = ("query", "value")


@dataclass(frozen=True)
class AdapterShape:
    """The PEFT settings of one adapter."""

    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ATTENTION
    use_rslora: bool = False
    use_dora: bool = False


@dataclass(frozen=True)
class Task:
    """A classification task over Django's messages: the class is the language, or else the part of Django."""

    name: str
    summary: str
    labels: tuple[str, ...]
    locales: tuple[str, ...]
    shape: AdapterShape = field(default_factory=AdapterShape)
    train_per_class: int = 220
    held_out_per_class: int = 100
    epochs: int = 4
    learning_rate: float = 3e-3
    seed: int = 7

    @property
    def is_language_task(self) -> bool:
        return self.labels == self.locales


BASE_MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
ORGANIZATION = "django-texts"
VERSION = "1.0.0"

_WIDE = ("query", "value", "intermediate.dense", "output.dense")
_ROMANCE = ("es", "fr", "it", "pt", "ro")
_GERMANIC = ("af", "da", "de", "nl", "sv")
_SLAVIC = ("cs", "hr", "pl", "sk", "sl")
_CYRILLIC = ("be", "bg", "mk", "ru", "uk")
_BALTIC_AND_URALIC = ("et", "fi", "hu", "lt", "lv")
_PARTS = ("admin", "auth", "core")


def _language_task(name: str, group: str, locales: tuple[str, ...], shape: AdapterShape) -> Task:
    summary = f"Tells {group} languages apart: {', '.join(locales)}."
    return Task(name, summary, labels=locales, locales=locales, shape=shape)


TASKS: tuple[Task, ...] = (
    _language_task("romance-langid", "Romance", _ROMANCE, AdapterShape(targets=_WIDE)),
    _language_task("germanic-langid", "Germanic", _GERMANIC, AdapterShape(rank=4, alpha=8, targets=_WIDE)),
    _language_task("slavic-langid", "Slavic", _SLAVIC, AdapterShape(rank=16, alpha=32, targets=_WIDE)),
    _language_task(
        "cyrillic-langid", "Cyrillic Slavic", _CYRILLIC, AdapterShape(alpha=6, targets=_WIDE, use_rslora=True)
    ),
    _language_task("baltic-uralic-langid", "Baltic and Uralic", _BALTIC_AND_URALIC, AdapterShape(targets=_WIDE)),
    Task(
        "django-part-romance",
        "Tells which part of Django a message in a Romance language comes from: admin, auth or core.",
        labels=_PARTS,
        locales=(*_ROMANCE, "ca", "gl", "pt_BR"),
        shape=AdapterShape(targets=ATTENTION, use_dora=True),
        train_per_class=300,
    ),
)


def hurried(task: Task) -> Task:
    """The same task trained on eight texts a class for one epoch: a revision that a reviewer should refuse."""
    return replace(task, name=f"{task.name}-hurried", train_per_class=8, epochs=1)
