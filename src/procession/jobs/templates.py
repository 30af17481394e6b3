"""The replacement strings of a command: `{}`, `{.}`, `{/}`, `{2.}`, `{#}`, ..., with the meanings of GNU parallel.

Knows: what each of them stands for, and how a text for a shell is quoted.
Must not know: who runs the command.

A command is several words, which become arguments as they are (no shell reads them), or one text for a shell, in which
each value is quoted. A word that is nothing but `{}` becomes one argument for each input source; inside a longer word
the values stand with a space between them. Without any replacement string of an input the values come last.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple

from procession.jobs.errors import PlanRefused
from procession.jobs.quotes import quoted_at
from procession.model.errors import shorten

WHOLE = "{}"
_SHELL = "/bin/sh"
_NUMBERS = ("{#}", "{%}")
_FORMS = r"\{([0-9]+)?(\.|/|//|/\.)?\}|\{[#%]\}"


class TemplateRefused(PlanRefused):
    """A command's replacement strings do not fit its inputs; no work was started."""


class Job(NamedTuple):
    """One command to be run.

    Args:
        number: Its number, from 1.
        values: A value of each input source.
    """

    number: int
    values: tuple[str, ...]

    def __repr__(self) -> str:
        """As messages and journals name it."""
        return shorten(" ".join(self.values))

    def key(self) -> str:
        """Give what it is known by, wherever it stands among the inputs."""
        return repr(self.values)


class _Field(NamedTuple):
    """A replacement string.

    Args:
        form: What stands for the value: a key of `_CHANGES`, or `#` or `%`.
        source: Which input source, from 1; None: all of them.
    """

    form: str
    source: int | None


_Piece = str | _Field


class Template(NamedTuple):
    """A command with replacement strings.

    Args:
        words: Each is a sequence of texts and replacement strings.
        shell: It is one text for a shell.
    """

    words: tuple[tuple[_Piece, ...], ...]
    shell: bool

    def fill(self, job: Job, slot: int) -> list[str]:
        """Give the program and its arguments.

        Args:
            job: What the replacement strings stand for.
            slot: The number of the place where it runs, from 1.
        """
        if self.shell:
            return [_SHELL, "-c", self.text(job, slot)]
        filled: list[str] = []
        for word in self.words:
            if len(word) == 1 and word[0].__class__ is _Field:
                filled += _values(word[0], job, slot)
            else:
                filled.append("".join(_joined(piece, job, slot, str) for piece in word))
        return filled

    def text(self, job: Job, slot: int) -> str:
        """Give it as a line that could be typed into a shell."""
        if self.shell:
            return "".join(_joined(piece, job, slot, shlex.quote) for piece in self.words[0])
        return shlex.join(self.fill(job, slot))

    @property
    def program(self) -> str | None:
        """The program, where it is the same for all inputs."""
        if self.shell:
            return _SHELL
        first = self.words[0]
        return first[0] if len(first) == 1 and isinstance(first[0], str) else None


def parse(words: Sequence[str], *, shell: bool, sources: int, whole: str = WHOLE) -> Template:
    """Read the replacement strings of a command.

    Args:
        words: The command: its words, or one text for a shell.
        shell: It is a text for a shell.
        sources: How many input sources there are.
        whole: What stands for the whole value, in place of `{}`.

    Raises:
        TemplateRefused: It asks for a source that is not there.
    """
    pattern = re.compile(f"{re.escape(whole)}|{_FORMS}") if whole != WHOLE else re.compile(_FORMS)
    pieces = [tuple(_cut(word, pattern, whole)) for word in words]
    if shell:
        _refuse_quoted(words[0], pattern)
    fields = [piece for word in pieces for piece in word if isinstance(piece, _Field)]
    for field in fields:
        if field.source is not None and not 1 <= field.source <= sources:
            form = f"{{{field.source}{field.form}}}"
            raise TemplateRefused(reason=f"{form}: there is no input source {field.source}; {_count(sources)}")
    if not shell and fields and len(words) == 1 and " " in words[0]:
        raise TemplateRefused(reason=f"{shorten(words[0])} is one word: give several, or a text for a shell by --shell")
    if all(field.form in "#%" and field.form for field in fields):  # no value is named: they come last
        every = _Field("", None)
        pieces = [(*pieces[0], " ", every)] if shell else [*pieces, (every,)]
    return Template(tuple(pieces), shell)


def _refuse_quoted(text: str, pattern: re.Pattern[str]) -> None:
    quotes = quoted_at(text)
    for match in pattern.finditer(text):
        quote = quotes[match.start()]
        if quote and match[0] not in _NUMBERS:
            where = "behind a backslash" if quote == "\\" else f"inside of {quote} quotes"
            reason = f"{match[0]} stands {where} in the text for the shell, and values are quoted already"
            raise TemplateRefused(reason=f"{reason}: write it without")


def _count(sources: int) -> str:
    return "there is one, {1}" if sources == 1 else f"there are {sources}, {{1}} to {{{sources}}}"


def _cut(word: str, pattern: re.Pattern[str], whole: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    end = 0
    for match in pattern.finditer(word):
        if match[0] == WHOLE and whole != WHOLE:  # it stands for itself
            continue
        if match.start() > end:
            pieces.append(word[end : match.start()])
        end = match.end()
        number = match[0] in _NUMBERS
        source = int(match[1]) if match[1] else None
        pieces.append(_Field(match[0][1] if number else match[2] or "", source))
    if end < len(word) or not word:
        pieces.append(word[end:])
    return pieces


def _values(field: _Field, job: Job, slot: int) -> list[str]:
    if field.form == "#":
        return [str(job.number)]
    if field.form == "%":
        return [str(slot)]
    change = _CHANGES[field.form]
    chosen = job.values if field.source is None else (job.values[field.source - 1],)
    return [change(value) for value in chosen]


def _joined(piece: _Piece, job: Job, slot: int, quote: Callable[[str], str]) -> str:
    if isinstance(piece, str):
        return piece
    return " ".join(quote(value) for value in _values(piece, job, slot))


def _base(value: str) -> str:
    return value.rpartition("/")[2]


def _without_suffix(value: str) -> str:
    before, dot, after = value.rpartition(".")
    return before if dot and "/" not in after else value


def _folder(value: str) -> str:
    """As `dirname`: of `x` it is `.`, of `a/` too, of `/` it is `/`."""
    path = value.rstrip("/")
    if not path:
        return "/" if value else "."
    folder, slash, _ = path.rpartition("/")
    return (folder.rstrip("/") or "/") if slash else "."


_CHANGES: dict[str, Callable[[str], str]] = {
    "": str,
    ".": _without_suffix,
    "/": _base,
    "//": _folder,
    "/.": lambda value: _without_suffix(_base(value)),
}
