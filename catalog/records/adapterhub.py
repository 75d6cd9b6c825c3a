"""An entry of AdapterHub, from its YAML or from JSON lines, as a Claim in this hub's words."""

import hashlib
import re
from typing import Any

from catalog.errors import InvalidInput
from catalog.plain import plain_value
from catalog.records.adapterhub_words import read_languages, read_method, read_task, word_of
from catalog.records.claims import Claim, ClaimedVersion, Refused
from catalog.records.files import Found
from catalog.records.values import Reader, is_empty
from catalog.taxonomy.licenses import spdx_expression
from catalog.taxonomy.tasks import find_task

MAX_PATH = 150
MAX_VERSIONS = 2000
MAX_CLAIM_CHARACTERS = 400_000
COMMIT = "a53c6b7237010937aeb330e8802426dae1eae940"
"""The last commit of AdapterHub's archived repository: links into it stay true."""
SOURCES = {"": "adapterhub", "ah": "adapterhub", "adapterhub": "adapterhub", "hf": "huggingface"}
# A field, and what the other layout calls it.
_SAME = {
    "base_model": "model_name",
    "adapter_type": "type",
    "versions": "files",
    "author_url": "url",
    "license": "licence",
    "languages": "language",
}
_READ = {
    *_SAME, *_SAME.values(), "id", "org", "name", "source", "model_type", "model_class", "hidden_size", "task",
    "subtask", "method", "config", "prediction_head", "description", "author", "email", "email_present", "github",
    "twitter", "citation", "dependencies", "default_version", "extra", "hub_file", "tags",
}  # fmt: skip
_SAYS_WHAT_IT_IS = {"base_model", "task", "versions", "config", "adapter_type", "method"}


def read_entry(found: Found) -> Claim:
    """The claim of one entry. Raises Refused where nobody could say what it is, or what it is called."""
    if found.refusal:
        raise found.refusal
    data = {name: found.data.get(name, found.data.get(other)) for name, other in _SAME.items()} | {
        name: value for name, value in found.data.items() if name not in _SAME and name not in _SAME.values()
    }
    if all(is_empty(data.get(name)) for name in _SAYS_WHAT_IT_IS):
        raise Refused("not_an_entry", f"it names none of {', '.join(sorted(_SAYS_WHAT_IT_IS))}")
    reader = Reader()
    path = _path(found, data, reader)
    claim = _claim(found, data, path, reader)
    if len(str(claim.claims)) > MAX_CLAIM_CHARACTERS:
        raise Refused("too_large", f"its fields are over {MAX_CLAIM_CHARACTERS} characters together")
    return claim


def _claim(found: Found, data: dict[str, Any], path: str, reader: Reader) -> Claim:
    config = _config(data.get("config"), reader)
    method = read_method(data.get("method") or config.get("using") or config.get("architecture"), reader)
    task, languages = read_task(data.get("adapter_type"), data.get("task"), data.get("subtask"), reader)
    languages = read_languages(data.get("languages"), reader) or languages
    versions, default = _versions(data, reader)
    base_name = reader.line(data.get("base_model"), "base_model")
    description = reader.text(data.get("description"), "description")
    source_word = reader.line(data.get("source"), "source").lower()
    source = SOURCES.get(source_word) or word_of(source_word)[:40] or "adapterhub"
    return Claim(
        source=source,
        path=path,
        title=path.rpartition("/")[2][:200],
        summary=_summary(description, task, languages, base_name),
        description=description,
        link=_link(source, path, data, found, reader),
        author=reader.line(data.get("author"), "author"),
        base_name=base_name,
        architecture=reader.line(data.get("model_type"), "model_type", most=60).lower(),
        method=method,
        task=task,
        languages=languages,
        tags=_tags(data, path, reader),
        license=_license(data.get("license"), reader),
        default_version=default,
        versions=versions,
        claims=_claims(data, config, reader),
        notes=reader.notes,
    )


def _path(found: Found, data: dict[str, Any], reader: Reader) -> str:
    """``org/name``: what the file's place says, else the id, else the fields; the first that can be an address."""
    fields = "/".join(part for key in ("org", "name") if (part := reader.line(data.get(key), key)))
    named = [found.path, reader.line(data.get("id"), "id", most=1000), fields]
    for said in filter(None, named):
        parts = [re.sub(r"[^\w.+@-]+", "-", part, flags=re.ASCII).strip("-.") for part in said.split("/")]
        path = "/".join(part for part in parts if part)
        if path:
            return path if path == said and len(path) <= MAX_PATH else _rewritten(path, said, reader)
    tried = next(filter(None, named), "")
    raise Refused("no_id", f"its id is {tried[:80]!r}" if tried else "it has no id, and neither org nor name")


def _rewritten(path: str, said: str, reader: Reader) -> str:
    """Two ids must not become one because of what was replaced: a part of the digest of what stood there is added."""
    kept = f"{path[: MAX_PATH - 13]}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    reader.note("id", "id_rewritten", said, f"cannot be an address; it is kept as {kept}")
    return kept


def _config(given: Any, reader: Reader) -> dict[str, Any]:
    if is_empty(given):
        return {}
    if isinstance(given, str):
        return {"using": reader.line(given, "config.using")}
    if not isinstance(given, dict):
        reader.note("config", "not_a_mapping", given, "is no mapping; it is kept among the claims")
        return {"given": plain_value(given)}
    return {str(key): _setting(value, f"config.{key}", reader) for key, value in given.items()}


def _setting(value: Any, field: str, reader: Reader) -> Any:
    if isinstance(value, dict | list):
        return plain_value(value)
    read = reader.scalar(value, field)
    if (
        field == "config.reduction_factor"
        and read is not None
        and (isinstance(read, bool) or not isinstance(read, int))
    ):
        reader.note(field, "odd_number", value, "should be a whole number; it is kept as it stands")
    return read


def _versions(data: dict[str, Any], reader: Reader) -> tuple[list[ClaimedVersion], str]:
    """The versions and the name of the default one."""
    given = data.get("versions")
    if isinstance(given, dict):
        given = [{"version": key, **(row if isinstance(row, dict) else {"url": row})} for key, row in given.items()]
    rows = given if isinstance(given, list) else []
    if not rows:
        reader.note("versions", "no_versions", given, "names no file; the record is kept without one")
    if len(rows) > MAX_VERSIONS:
        reader.note("versions", "cut", len(rows), f"are over {MAX_VERSIONS}; the rest is left out")
    found: list[ClaimedVersion] = []
    for number, row in enumerate(rows[:MAX_VERSIONS], start=1):
        if isinstance(row, dict):
            found.append(_version(row, number, reader))
        else:
            reader.note(f"versions.{number}", "not_a_mapping", row, "is no mapping and is left out")
    names = [row.name for row in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        reader.note("versions", "version_repeated", ", ".join(repeated)[:150], "stands there more than once")
    default = reader.line(data.get("default_version"), "default_version", most=100)
    if found and default not in names:
        reader.note("default_version", "no_such_version", default, f"is none of the versions; {names[0]} is taken")
        default = names[0]
    return found, default


def _version(row: dict[str, Any], number: int, reader: Reader) -> ClaimedVersion:
    here = f"versions.{number}"
    name = reader.line(row.get("version"), f"{here}.version", most=100)
    if not name:
        name = str(number)
        reader.note(f"{here}.version", "version_unnamed", "", f"has no name; it is called {name}")
    read = ClaimedVersion(
        name=name,
        url=reader.url(row.get("url"), f"{here}.url"),
        sha1=reader.digest(row.get("sha1"), f"{here}.sha1", 40),
        sha256=reader.digest(row.get("sha256"), f"{here}.sha256", 64),
        description=reader.text(row.get("description"), f"{here}.description", most=2000),
        score=reader.number(row.get("score"), f"{here}.score"),
    )
    if not (read.sha1 or read.sha256):
        reader.note(here, "no_digest", name, "has no digest: nobody can tell whether the file is the same")
    return read


def _claims(data: dict[str, Any], config: dict[str, Any], reader: Reader) -> dict[str, Any]:
    """Everything that the source says, under the names of the JSON lines; unknown fields stay as they are."""
    said: dict[str, Any] = {
        name: reader.line(data.get(name), name)
        for name in ("adapter_type", "task", "subtask", "method", "model_class", "github", "twitter")
    }
    said |= {
        "hidden_size": reader.scalar(data.get("hidden_size"), "hidden_size"),
        "prediction_head": reader.scalar(data.get("prediction_head"), "prediction_head"),
        "author_url": reader.url(data.get("author_url"), "author_url"),
        "citation": reader.text(data.get("citation"), "citation"),
        "license": reader.line(data.get("license"), "license"),
        "dependencies": _dependencies(data.get("dependencies"), reader),
        "config": config,
        "extra": plain_value(data.get("extra")),
    }
    for name in sorted(set(data) - _READ):
        if "mail" in name.lower():
            reader.note(name, "email_left_out", "", "is an e-mail address by its name, which is not kept")
        else:
            said[name] = plain_value(data[name])
            reader.note(name, "field_unknown", data[name], "is no field that is known here; it is kept as it stands")
    if not said["method"]:
        said["method"] = str(config.get("using") or "")
    return {name: value for name, value in said.items() if value not in ("", None, [], {})}


def _dependencies(given: Any, reader: Reader) -> list[dict[str, str]]:
    if is_empty(given):
        return []
    rows = given if isinstance(given, list) else [given]
    return [
        {
            "key": reader.line(row.get("key"), "dependencies.key"),
            "description": reader.line(row.get("description"), "dependencies.description"),
        }
        if isinstance(row, dict)
        else {"key": reader.line(row, "dependencies"), "description": ""}
        for row in rows[:100]
    ]


def _license(given: Any, reader: Reader) -> str:
    said = reader.line(given, "license", most=200)
    if not said:
        return ""
    try:
        return spdx_expression(said)
    except InvalidInput:
        reader.note("license", "licence_unknown", said, "is no licence that is known here; it is kept among the claims")
        return ""


def _tags(data: dict[str, Any], path: str, reader: Reader) -> list[str]:
    """The sub-task, the organisation and the source's own tags, as words."""
    given = data.get("tags")
    listed = given if isinstance(given, list) else [given] if isinstance(given, str) else []
    words = [
        word_of(reader.line(word, "tags", most=80))
        for word in [data.get("subtask"), path.rpartition("/")[0], *listed[:50]]
    ]
    known = find_task(reader.line(data.get("task"), "task"))
    return list(dict.fromkeys(word for word in words if word and (known is None or word != known.id)))


def _summary(description: str, task: str, languages: list[str], base_name: str) -> str:
    first = re.split(r"(?<=[.!?])\s+(?=[A-Z])|\n\s*\n", " ".join(description.split()), maxsplit=1)[0]
    if not first:
        label = found.label if (found := find_task(task)) else task or "a task that is not named"
        first = (
            f"{label}{' in ' + ', '.join(languages) if languages else ''} for {base_name or 'an unnamed base model'}"
        )
    return first[:300]


def _link(source: str, path: str, data: dict[str, Any], found: Found, reader: Reader) -> str:
    """Where people read the original: AdapterHub's own file, or the model's page."""
    if source == "huggingface":
        return f"https://huggingface.co/{path}"
    if source != "adapterhub":
        return reader.url(data.get("link"), "link", most=600)
    file = reader.line(data.get("hub_file"), "hub_file") or f"adapters/{path}.yaml"
    is_plain = re.fullmatch(r"[\w.+@/-]+", file, flags=re.ASCII) and ".." not in file
    return f"https://github.com/adapter-hub/Hub/blob/{COMMIT}/{file}" if is_plain else ""
