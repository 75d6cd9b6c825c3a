"""Methods as people read them: names and families of the recogniser's registry, with a sentence for each family."""

from dataclasses import dataclass
from functools import lru_cache

from catalog.taxonomy.tables import by_word, plain_word
from kernels.methods import methods as registry

FAMILIES = {
    "low-rank": "Adds a product of two thin matrices to a weight.",
    "orthogonal": "Turns a weight by a rotation that was learned.",
    "spectral": "Changes a weight along its singular vectors or in a frequency space.",
    "sparse": "Changes a few entries of a weight.",
    "scaling": "Learns scales and biases, a number for each channel.",
    "prompt": "Learns vectors that stand before the input, or before keys and values.",
    "bottleneck": "Puts small layers with a narrow middle between the layers of the model.",
    "mixture": "Several adapters and a router that weighs them.",
    "side-network": "A small network beside the model that reads its activations.",
    "hypernetwork": "A network that writes the adapter.",
    "other": "Works in a way of its own.",
}
LEVELS = {
    "stitch": "the hub checks it against its base model and the client attaches it",
    "inspect": "the hub reads and describes its tensors",
    "catalogue": "the hub keeps it and finds it",
}


@dataclass(frozen=True)
class MethodLabel:
    """A method for pages, facets and suggestions."""

    id: str
    label: str
    family: str
    about: str
    level: str
    paper: str = ""
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def all_methods() -> tuple[MethodLabel, ...]:
    """Every method of ``kernels/methods.toml``, in its order."""
    return tuple(
        MethodLabel(
            id=row.id,
            label=row.name,
            family=row.family,
            about=FAMILIES[row.family],
            level=row.level,
            paper=row.paper,
            aliases=tuple(word for word in (*row.aliases, *row.config_names, row.peft_type or "") if word),
        )
        for row in registry()
    )


@lru_cache(maxsize=1)
def _words() -> dict[str, MethodLabel]:
    return by_word(all_methods())


def find_method(text: str) -> MethodLabel | None:
    """The method that ``text`` means by id, name, alias or PEFT type: ``houlsby`` is ``bottleneck-houlsby``."""
    return _words().get(plain_word(text))


def method_label(method_id: str) -> str:
    """Its name for a page; an id that is unknown here stays as it is."""
    found = find_method(method_id)
    return found.label if found else method_id
