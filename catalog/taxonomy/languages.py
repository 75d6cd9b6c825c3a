"""Languages: BCP-47 tags, checked and put in their usual form."""

import langcodes

from catalog.errors import InvalidInput


def language_tag(text: str) -> str:
    """``text`` as a canonical BCP-47 tag: ``EN-us`` becomes ``en-US``. Raises InvalidInput ``invalid_language``."""
    text = text.strip()
    try:
        if text and langcodes.tag_is_valid(text):
            return str(langcodes.standardize_tag(text))
    except ValueError:
        pass
    raise InvalidInput(
        "invalid_language",
        f"{text[:40]!r} is not a language tag",
        field="languages",
        hint="Use BCP-47 tags, such as de, pt-BR or zh-Hans.",
    )
