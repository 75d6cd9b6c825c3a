"""Domains and modalities: the field of work an adapter is for, and what its model takes in and gives out."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from catalog.taxonomy.tables import by_word, plain_word, rows_of
from catalog.taxonomy.tasks import find_task, path_of


@dataclass(frozen=True)
class Domain:
    """One row of domains.toml."""

    id: str
    label: str
    about: str
    aliases: tuple[str, ...] = ()
    caution: str = ""


@dataclass(frozen=True)
class Modality:
    """One row of modalities.toml."""

    id: str
    label: str
    about: str
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def all_domains() -> tuple[Domain, ...]:
    """Every domain, in the file's order."""
    return rows_of("domains.toml", "domain", Domain)


@lru_cache(maxsize=1)
def all_modalities() -> tuple[Modality, ...]:
    """Every modality, in the file's order."""
    return rows_of("modalities.toml", "modality", Modality)


@lru_cache(maxsize=1)
def _words() -> dict[str, Domain]:
    return by_word(all_domains())


def find_domain(text: str) -> Domain | None:
    """The domain that ``text`` means by id, label or alias: ``medical`` is ``biomedical``."""
    return _words().get(plain_word(text))


def domains_of(task: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Ids of the domains that a task and its tags put an adapter into: the tags' first, for they are more exact."""
    named = [found.id for tag in tags if (found := find_domain(tag))]
    known = find_task(task) if task else None
    of_task = [domain for row in path_of(known)[::-1] for domain in row.domains] if known else []
    return tuple(dict.fromkeys([*named, *of_task]))


def modalities_of(task: str) -> tuple[str, ...]:
    """Ids of the modalities that a task takes in or gives out; none for an unknown task."""
    known = find_task(task) if task else None
    return tuple(dict.fromkeys([*known.inputs, *known.outputs])) if known else ()


def main_modality(task: str) -> str:
    """The modality that tells a task from one of text: the first that is not text, else ``text``; empty if unknown."""
    named = modalities_of(task)
    return next((word for word in named if word not in ("text", "embedding")), named[0] if named else "")


def cautions_of(task: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Why to handle an adapter with care: ``biometric``, ``voice``, ``misuse``."""
    known = find_task(task) if task else None
    said = [known.caution] if known else []
    said += [found.caution for found in all_domains() if found.id in domains_of(task, tags)]
    return tuple(dict.fromkeys(word for word in said if word))
