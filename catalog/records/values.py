"""Odd values of strangers' files as the values they mean, with a note of each that was not what it should be."""

import math
import re
from typing import Any
from urllib.parse import urlsplit

from catalog.plain import plain_text, plain_value
from catalog.records.claims import Note

MAX_TEXT = 20_000
EMPTY = (None, "", "null", "~", "none", "n/a", "-")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Reader:
    """Reads values and keeps the notes, in the order of reading."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, field: str, code: str, given: Any, detail: str) -> None:
        """Remember that ``field`` was read otherwise than it was written."""
        self.notes.append(Note(field, code, plain_text(given)[:200], detail))

    def text(self, value: Any, field: str, *, most: int = MAX_TEXT) -> str:
        """One text: numbers are written out, lists joined; e-mail addresses go."""
        if is_empty(value):
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float | list):
            self.note(field, "not_text", value, "is no text; it is written out as it stands")
        elif isinstance(value, list):
            self.note(field, "list_joined", value, "is a list where one text was expected; its parts are joined")
            value = ", ".join(plain_text(part) for part in value)
        read = plain_text(value).strip()
        if _EMAIL.search(read):
            self.note(field, "email_left_out", "", "held an e-mail address, which is not kept")
            read = _EMAIL.sub("", read).strip()
        if len(read) > most:
            self.note(
                field, "cut", f"{len(read)} characters", f"is longer than {most} characters; the rest is left out"
            )
            read = read[:most]
        return read

    def line(self, value: Any, field: str, *, most: int = 300) -> str:
        """One line of text."""
        return " ".join(self.text(value, field, most=most).split())

    def number(self, value: Any, field: str) -> float | None:
        """A finite number, or None; text that reads as one is taken, and noted."""
        if is_empty(value):
            return None
        if isinstance(value, str):
            read = _number(value)
            if read is None:
                self.note(field, "not_a_number", value, "is no number and is left out")
            elif not re.fullmatch(r"-?\d+(\.\d+)?", value.strip()):
                self.note(field, "number_read", value, f"is read as {read:g}")
            return read
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.note(field, "not_a_number", value, "is no finite number and is left out")
            return None
        return float(value)

    def scalar(self, value: Any, field: str) -> Any:
        """A value of a configuration: whole numbers whole, true and false as such, everything else as it is."""
        if isinstance(value, str):
            lowered = value.strip().lower()
            if lowered in ("true", "false"):
                return lowered == "true"
            if re.fullmatch(r"-?\d{1,15}", lowered):
                return int(lowered)
            if re.fullmatch(r"-?\d{1,15}\.\d{1,15}", lowered):
                value = float(lowered)
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            self.note(field, "whole_number", value, f"should be whole; it is read as {int(value)}")
            return int(value)
        return None if is_empty(value) else plain_value(value)

    def url(self, value: Any, field: str, *, most: int = 1000) -> str:
        """An http or https address; any other is left out."""
        read = self.text(value, field, most=most)
        if not read:
            return ""
        try:
            parts = urlsplit(read)
            is_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", read)
        except ValueError:
            is_web = False
        if not is_web:
            self.note(field, "not_a_web_address", read, "is no http or https address; no link is made of it")
            return ""
        return read

    def digest(self, value: Any, field: str, length: int) -> str:
        """A digest of ``length`` hexadecimal digits, lower case."""
        read = self.text(value, field).lower().removeprefix("sha256:").removeprefix("sha1:")
        if read and not re.fullmatch(rf"[0-9a-f]{{{length}}}", read):
            self.note(field, "not_a_digest", read, f"is not {length} hexadecimal digits and is left out")
            return ""
        return read


def is_empty(value: Any) -> bool:
    """Whether somebody wrote nothing: null, an empty text, ``~``, ``None``, an empty list."""
    return value in ([], {}) or (value.strip().lower() in EMPTY if isinstance(value, str) else value is None)


def _number(text: str) -> float | None:
    """``84.93``, ``84,93`` and ``84.93 %`` as 84.93."""
    read = text.strip().rstrip("%").strip()
    if re.fullmatch(r"-?\d{1,12},\d{1,6}", read):
        read = read.replace(",", ".")
    try:
        found = float(read)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
