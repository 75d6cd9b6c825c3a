"""What the uploader says about an adapter, checked and joined with what its card says."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from catalog.errors import InvalidInput
from catalog.taxonomy.languages import language_tag
from catalog.taxonomy.licenses import spdx_expression

_WORD = re.compile(r"[a-z0-9][a-z0-9+./:_-]{0,79}")


@dataclass(frozen=True)
class Metadata:
    """The uploader's own words; empty fields fall back to the card."""

    base: str = ""
    task: str = ""
    languages: list[str] = field(default_factory=list)
    license: str = ""
    tags: list[str] = field(default_factory=list)
    summary: str = ""
    training_data: str = ""
    citation: str = ""


def check_metadata(given: Metadata) -> Metadata:
    """The same in normal form. Raises InvalidInput naming the field."""
    return Metadata(
        base=given.base.strip()[:300],
        task=_word(given.task, "task") if given.task else "",
        languages=list(dict.fromkeys(language_tag(tag) for tag in given.languages)),
        license=spdx_expression(given.license) if given.license else "",
        tags=list(dict.fromkeys(_word(tag, "tags") for tag in given.tags))[:50],
        summary=" ".join(given.summary.split())[:300],
        training_data=given.training_data.strip()[:4000],
        citation=given.citation.strip()[:8000],
    )


def revision_fields(given: Metadata, card: dict[str, Any], body: str) -> dict[str, Any]:
    """The model fields of a revision: the uploader's word first, then the card's. Bad words of a card are left out."""
    said = asdict(given)
    return {
        "claims": {**{key: value for key, value in said.items() if value}, "card": card},
        "task": given.task or _try(lambda: _word(str(card.get("pipeline_tag") or ""), "task"), ""),
        "languages": given.languages or _each(card.get("language"), language_tag),
        "license": given.license or _try(lambda: spdx_expression(str(card.get("license") or "")), ""),
        "tags": given.tags or _each(card.get("tags"), lambda tag: _word(tag, "tags"))[:50],
        "summary": given.summary,
        "card": body,
    }


def _word(text: str, name: str) -> str:
    word = "-".join(text.strip().casefold().split())
    if not _WORD.fullmatch(word):
        raise InvalidInput(
            detail=f"{text[:80]!r} cannot be used here",
            field=name,
            hint="Use up to 80 lower-case letters, digits and + . / : _ -",
        )
    return word


def _each(values: Any, check: Callable[[str], str]) -> list[str]:
    listed = values if isinstance(values, list) else [values] if isinstance(values, str) else []
    checked = (_try(partial(check, str(value)), "") for value in listed[:200])
    return list(dict.fromkeys(value for value in checked if value))


def _try(check: Callable[[], str], otherwise: str) -> str:
    try:
        return check()
    except InvalidInput:
        return otherwise
