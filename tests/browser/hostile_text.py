"""What somebody types to run a script in another's browser, and a catalog in which every text is of that kind."""

import re
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from django.apps import apps
from django.db import connection, models

from catalog.reviews.append_only import unguarded

ELSEWHERE = "elsewhere.invalid"

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    "</title></textarea></pre><script>alert(4)</script>",
    '" autofocus onfocus=alert(5) x="',
    "' onmouseover='alert(6)",
    "javascript:alert(7)",
    "[link](javascript:alert(8))",
    "<javascript:alert(9)>",
    "[data](data:text/html,<script>alert(10)</script>)",
    f"![picture](https://{ELSEWHERE}/p.png)",
    f"<img src=//{ELSEWHERE}/p.png srcset=//{ELSEWHERE}/q.png>",
    f"<iframe src=//{ELSEWHERE}></iframe>",
    '<iframe srcdoc="<script>parent.alert(11)</script>">',
    f"<link rel=stylesheet href=//{ELSEWHERE}/s.css>",
    f"<style>@import '//{ELSEWHERE}/s.css';</style>",
    f"<base href=//{ELSEWHERE}/>",
    f'<meta http-equiv=refresh content="0;url=//{ELSEWHERE}">',
    f"<form action=//{ELSEWHERE}><button>go</button></form>",
    f"<object data=//{ELSEWHERE}></object><embed src=//{ELSEWHERE}>",
    f'<div hx-get="//{ELSEWHERE}/x" hx-trigger="load">x</div>',
    '<div hx-on:htmx:load="alert(12)" data-hx-on="click: alert(12)">x</div>',
    "<details open ontoggle=alert(13)>x</details>",
    "<video><source onerror=alert(14)></video>",
    "<math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror=alert(15) src>'>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(16)>#x'/></svg>",
    "<a href='jav&#x09;ascript:alert(17)'>x</a>",
    "<noscript><p title='</noscript><img src=x onerror=alert(18)>'>",
    "&lt;script&gt;alert(19)&lt;/script&gt;",
    "{{ 7|add:7 }}{% debug %}${7*7}",
    "\u202e<scr\u0000ipt>alert(20)</script>".replace("\u0000", ""),
    f"x' style='background:url(//{ELSEWHERE}/b.png)",
    "]]><script>alert(21)</script><!--",
    "--><script>alert(22)</script>",
)

# Texts that the hub gives or checks itself: names, states, digests, ids, kinds. All others are whatever somebody typed.
_ITS_OWN = re.compile(
    r"(^|_)(name|folded|username|password|state|status|kind|role|code|digest|sha256|hash|prefix|id|key|queue|method|"
    r"algorithm|harness|metric|visibility|verdict|decision|action|version|token|number|device|origin|form|recipe|cause|"
    r"format|storage|host|fence|scope|scopes|relation|architecture|model_type|task|labels|head|text|field|split|path|source)$"
)
# Values inside of JSON that pages take for their own words.
_OWN_KEYS = re.compile(
    r"^(format|method|method_name|verdict|severity|code|kind|state|metric|name|digest|id|device|dtype|started|"
    r"declared_from|source|fact|harness|scheme|form|task|language|adapter|base|version|revision|set|commit.*|type)$"
)
_OWN_APPS = ("contenttypes", "sessions", "auth", "admin")
# Columns that the hub writes of words that it has checked, between blanks.
_OWN_COLUMNS = {"search.searchentry.languages", "search.searchentry.tags"}


def poison_every_text() -> dict[str, int]:
    """Overwrite every text of every row that somebody may have typed. Returns how many of each column."""
    payloads = cycle(PAYLOADS)
    with unguarded(connection):
        return _poison(payloads)


def _poison(payloads: Iterator[str]) -> dict[str, int]:
    written: dict[str, int] = {}
    for model in apps.get_models():
        if model._meta.app_label in _OWN_APPS or not model._meta.managed:
            continue
        fields = [field for field in model._meta.concrete_fields if _is_typed(field)]
        for row in model._base_manager.all() if fields else ():
            changed = {field.attname: _poisoned(field, getattr(row, field.attname), payloads) for field in fields}
            model._base_manager.filter(pk=row.pk).update(**changed)
        for field in fields:
            written[f"{model._meta.label_lower}.{field.name}"] = model._base_manager.count()
    return written


def _is_typed(field: Any) -> bool:
    if f"{field.model._meta.label_lower}.{field.name}" in _OWN_COLUMNS:
        return False
    if field.choices or field.unique or field.is_relation or _ITS_OWN.search(field.name):
        return False
    return isinstance(field, models.CharField | models.TextField | models.JSONField)


def _poisoned(field: Any, value: Any, payloads: Iterator[str]) -> Any:
    if isinstance(field, models.JSONField):
        return _inside(value, payloads)
    if not field.max_length:
        # A text without an end holds the whole corpus: as lines of Markdown, one paragraph each.
        return "\n\n".join(PAYLOADS)
    return _fitting(payloads, field.max_length)


def _inside(value: Any, payloads: Iterator[str]) -> Any:
    if isinstance(value, str):
        return next(payloads)
    if isinstance(value, list):
        return [_inside(item, payloads) for item in value]
    if isinstance(value, dict):
        return {
            key: item if isinstance(item, str) and _OWN_KEYS.match(key) else _inside(item, payloads)
            for key, item in value.items()
        }
    return value


def _fitting(payloads: Iterator[str], most: int) -> str:
    """The next payload that is short enough; the beginning of one where none is."""
    for payload in islice(payloads, len(PAYLOADS)):
        if len(payload) <= most:
            return payload
    return PAYLOADS[0][:most]
