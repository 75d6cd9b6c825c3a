"""Prompt templates of users, rendered in a sandbox inside the limited child: bounded output, bounded time."""

import re
import resource
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from workers.evaluation.errors import Refused

MOST_TEMPLATE_CHARACTERS = 20_000
MOST_CHARACTERS = 100_000  # of one rendered text
MOST_CHARACTERS_IN_ALL = 64_000_000
MOST_SECONDS = 20  # for all rows of a set
MOST_BYTES = 1 << 30
_MOST_BITS = 128
_HINT = "A template sees the columns of its row and Jinja's own filters; see the manifest's `template`."
_REMOVED_GLOBALS = ("lipsum", "cycler", "joiner")


class RenderedText:
    """One template, compiled once and rendered for many rows. Not to be used outside :func:`bounded_time`."""

    def __init__(self, source: str, *, part: str = "template") -> None:
        """Raises Refused ``template_refused`` for what Jinja cannot parse."""
        if len(source) > MOST_TEMPLATE_CHARACTERS:
            raise _refused(part, f"has {len(source)} characters; at most {MOST_TEMPLATE_CHARACTERS} are allowed")
        self._part, self._written = part, 0
        try:
            self._template: Template = _environment().from_string(source)
        except (TemplateError, RecursionError, MemoryError) as error:
            raise _refused(part, f"cannot be read: {_short(error)}") from error

    def __call__(self, row: Mapping[str, Any], number: int) -> str:
        """The text of the row ``number``, counted from 1. Raises Refused ``template_refused``."""
        chunks: list[str] = []
        written = 0
        try:
            for chunk in self._template.generate(**row):
                written += len(chunk)
                if written > MOST_CHARACTERS:
                    raise _refused(self._part, f"wrote more than {MOST_CHARACTERS} characters", number)
                chunks.append(chunk)
        except SecurityError as error:
            raise _refused(self._part, f"may not do that: {_short(error)}", number) from error
        except Refused:
            raise
        except MemoryError as error:
            raise _refused(self._part, "needed too much memory", number) from error
        except Exception as error:
            raise _refused(self._part, f"failed: {_short(error)}", number) from error
        self._written += written
        if self._written > MOST_CHARACTERS_IN_ALL:
            raise _refused(self._part, f"wrote more than {MOST_CHARACTERS_IN_ALL} characters in all", number)
        return "".join(chunks)


def render_rows(source: str, rows: Iterable[Mapping[str, Any]], *, part: str = "template") -> list[str]:
    """The text of every row, within time and size. Raises Refused ``template_refused``."""
    with bounded_time():
        render = RenderedText(source, part=part)
        return [render(row, number) for number, row in enumerate(rows, start=1)]


@contextmanager
def bounded_time(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """Raise Refused ``template_refused`` in the block after ``seconds``; for the main thread of a child.

    Where one operation of C never comes back to Python, the processor limit ends the child a little later. The address
    space may grow by a GiB only: a child that may load CUDA has no limit of its own on it.
    """

    def stop(_number: int, _frame: object) -> None:
        raise _TooLong

    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent_seconds = int(usage.ru_utime + usage.ru_stime)
    mapped_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with (
            _lowered(resource.RLIMIT_CPU, spent_seconds + 2 * seconds + 1),
            _lowered(resource.RLIMIT_AS, mapped_bytes + MOST_BYTES),
        ):
            yield
    except _TooLong as error:
        raise _refused("template", f"took longer than {seconds} s for the rows of the set") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _lowered(limit: int, value: int) -> Iterator[None]:
    """A lower soft limit inside, the one before afterwards."""
    soft, hard = resource.getrlimit(limit)
    is_lower = soft == resource.RLIM_INFINITY or value < soft
    if is_lower:
        resource.setrlimit(limit, (value, hard))
    try:
        yield
    finally:
        if is_lower:
            resource.setrlimit(limit, (soft, hard))


class _TooLong(BaseException):
    """Not an Exception, so that nothing on the way takes it for a template's own error."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox; numbers and repeated texts stay small, since one operation of C cannot be stopped."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse operations whose result would be huge."""
        if operator == "**":
            is_small = all(isinstance(side, (int, float)) and abs(side) <= 1_000 for side in (left, right))
            if not is_small:
                raise SecurityError("powers of numbers above 1000 are not computed")
        elif operator == "*":
            _check_product(left, right)
        elif isinstance(left, str) and re.search(r"\d{5}|\*", left):
            raise SecurityError("a format with such a width is not written")
        return super().call_binop(context, operator, left, right)


def _check_product(left: Any, right: Any) -> None:
    for text, times in ((left, right), (right, left)):
        if isinstance(text, (str, list, tuple)) and isinstance(times, int) and len(text) * times > MOST_CHARACTERS:
            raise SecurityError(f"repeated to more than {MOST_CHARACTERS} characters")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MOST_BITS:
        raise SecurityError(f"a product of more than {_MOST_BITS} bits is not computed")


def _environment() -> _Sandbox:
    # Undefined names are errors and the last line break stays, as in lm_eval.
    environment = _Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    for name in _REMOVED_GLOBALS:
        del environment.globals[name]
    environment.filters["regex_replace"] = _regex_replace
    return environment


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """lm_eval's own filter, so that its templates mean the same here."""
    return re.sub(pattern, replacement, text, count=count)


def _refused(part: str, what: str, number: int | None = None) -> Refused:
    where = f", row {number}" if number else ""
    return Refused("template_refused", f"The {part}{where} {what}.", hint=_HINT)


def _short(error: BaseException) -> str:
    return f"{str(error)[:300]}".rstrip(".") or type(error).__name__
