"""AdapterHub's words for tasks, languages and methods as this hub's; a word that is unknown here stays, with a note."""

from typing import Any

from catalog.records.values import Reader
from catalog.taxonomy.languages import find_language
from catalog.taxonomy.methods import find_method
from catalog.taxonomy.tables import plain_word
from catalog.taxonomy.tasks import find_task

LANGUAGE_TASK = "language-modeling"
# Their sub-tasks are languages: wikiann/ar, dialect/arabic.
_OF_LANGUAGES = {"wikiann", "ner", "pos", "dialect", "dp", "lm"}


def word_of(text: str) -> str:
    """``text`` as a word that filters take: folded, no blanks, at most 80 characters of ASCII."""
    return plain_word(text).encode("ascii", "ignore").decode()[:80].strip("-")


def read_task(adapter_type: Any, task: Any, subtask: Any, reader: Reader) -> tuple[str, list[str]]:
    """The task's id, and the languages that task and sub-task name."""
    said, below = reader.line(task, "task"), reader.line(subtask, "subtask")
    kind = reader.line(adapter_type, "adapter_type").lower()
    language = find_language(said)
    if kind == "text_lang" or (kind != "text_task" and language and not find_task(said)):
        if not language:
            reader.note("task", "language_unknown", said, "is no language that is known here")
        return LANGUAGE_TASK, [language] if language else []
    known = find_task(said) or find_task(below)
    spoken = find_language(below) if plain_word(said) in _OF_LANGUAGES else ""
    languages = [spoken] if spoken else []
    if known is None:
        if said:
            reader.note("task", "task_unknown", said, "is no task that is known here; the word is kept")
        return word_of(said), languages
    if plain_word(said) != said.lower().replace("_", "-"):
        reader.note("task", "word_rewritten", said, f"is read as {known.id}")
    return known.id, languages


def read_languages(given: Any, reader: Reader) -> list[str]:
    """Tags of the languages that are named, in their usual form."""
    listed = given if isinstance(given, list) else [given] if isinstance(given, str) else []
    found = []
    for word in listed[:100]:
        tag = find_language(str(word))
        if tag:
            found.append(tag)
        elif str(word).strip():
            reader.note("languages", "language_unknown", word, "is no language that is known here and is left out")
    return list(dict.fromkeys(found))


def read_method(given: Any, reader: Reader) -> str:
    """The method's id; a word that is unknown here stays, folded."""
    said = reader.line(given, "method", most=200)
    known = find_method(said)
    if known:
        return known.id
    if said:
        reader.note("method", "method_unknown", said, "is no method that is known here; the word is kept")
    return word_of(said)[:60]
