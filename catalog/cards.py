"""Model cards: front matter read with a safe loader, Markdown turned into safe HTML."""

import re
from typing import Any

import nh3
import yaml
from markdown_it import MarkdownIt

from catalog.plain import plain_value

MAX_CARD_BYTES = 512 << 10
MAX_FRONT_MATTER_BYTES = 64 << 10
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TAGS = set(
    """
    a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s strong sub sup
    table tbody td th thead tr ul
    """.split()  # noqa: SIM905  (a list of thirty quoted words reads worse)
)


class CardError(ValueError):
    """The front matter cannot be read; the message says why."""


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without anchors (no alias bombs), in which ``no`` and dates stay text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise CardError("front matter may not use YAML aliases")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and Markdown body of a README.md.

    Raises:
        CardError: front matter over 64 KiB, not a mapping, or not YAML.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    source = match.group(1)
    if len(source.encode()) > MAX_FRONT_MATTER_BYTES:
        raise CardError("front matter is over 64 KiB")
    try:
        # _PlainLoader is a SafeLoader: it makes plain values only.
        data = yaml.load(source, Loader=_PlainLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise CardError(f"front matter cannot be read: {str(error)[:200]}") from error
    if data is not None and not isinstance(data, dict):
        raise CardError("front matter is not a mapping")
    return plain_value(data or {}), text[match.end() :]


def render_card(markdown: str) -> str:
    """Markdown as HTML that holds no script, no style, no frame and no image from elsewhere."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    cleaned: str = nh3.clean(
        html,
        tags=_TAGS,
        attributes={
            "a": {"href", "title"},
            "img": {"alt", "title"},
            "th": {"align"},
            "td": {"align"},
            "code": {"class"},
        },
        # Both scroll sideways where they are wide, and a keyboard scrolls only what it can reach.
        set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer ugc",
    )
    return cleaned
