"""A page that shows the thumbnails of a folder: one file, which asks for nothing but the thumbnails beside it.

Knows: HTML and how it is escaped; the page's parts, which lie beside this file.
Must not know: how thumbnails are made.

Names are escaped as text and as addresses. Should that ever fail, the page's own policy lets run nothing but its one
script, known by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template
from urllib.parse import quote

from procession.jobs import formats, writing
from procession.jobs.errors import PlanRefused
from procession.jobs.ledger import FAILED, FRESH, MADE, Row
from procession.model.errors import shorten

PAGE = "index.html"
_OURS = '<meta name="generator" content="procession thumbs">'
_PLACE = "<!-- pictures -->\n"
_HEAD_BYTES = 4096  # in which a page says who wrote it
_TILE = 200  # pixels


def refuse_strange_page(folder: str) -> None:
    """Make sure that a page in the folder may be replaced.

    Raises:
        PlanRefused: It was not written here.
    """
    path = os.path.join(folder, PAGE)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            ours = _OURS in file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PlanRefused(reason=f"{shorten(path)}: cannot be read: {error.strerror}") from error
    if not ours:
        raise PlanRefused(
            reason=f"{shorten(path)}: is there and was not written by --gallery; move it, or give another -o"
        )


def write(folder: str, rows: Iterable[Row], run: str) -> str:
    """Write the page and give its path.

    Args:
        folder: The folder of the thumbnails; the page goes there too.
        rows: All outputs, in order. Those of one input are one picture: the smallest is shown, the largest is linked.
        run: Marks the temporary file of this run.

    Raises:
        OSError: It cannot be written.
    """
    path = os.path.join(folder, PAGE)
    title = _text(os.path.basename(os.path.abspath(folder)) or folder)
    head, tail = _page(title, _TILE).split(_PLACE)
    writing.write_file(path, run, lambda file: file.writelines(text.encode() for text in _lines(head, rows, tail)))
    return path


def _lines(head: str, rows: Iterable[Row], tail: str) -> Iterator[str]:
    yield head
    for _, group in groupby(rows, key=lambda row: row.input):
        yield _figure(list(group))
    yield tail


def _page(title: str, side: int) -> str:
    style = Template(_part("gallery.css")).substitute(side=side)
    script = _part("gallery.js")
    return Template(_part("gallery.html")).substitute(
        title=escape(title), style=style, script=script, style_hash=_hash(style), script_hash=_hash(script), count=""
    )


def _figure(rows: list[Row]) -> str:
    """Write one picture: its thumbnail, or why there is none."""
    name = escape(_text(os.fsdecode(rows[0].source)))
    caption = f"<figcaption>{escape(_text(os.path.basename(os.fsdecode(rows[0].source))))}</figcaption>"
    if error := next((row.error for row in rows if row.state == FAILED), None):
        return f'<figure class="failed" title="{name}"><p>{escape(error)}</p>{caption}</figure>\n'
    done = [row for row in rows if row.state in (FRESH, MADE)]
    if not done:
        return f'<figure class="missing" title="{name}"><p>not made yet</p>{caption}</figure>\n'
    done.sort(key=lambda row: (row.width or 0) * (row.height or 0))
    small, large = done[0], done[-1]
    if formats.FORMATS[small.format].shown:
        size = f' width="{small.width}" height="{small.height}"' if small.width else ""
        inner = f'<img loading="lazy" decoding="async" src="{_address(small)}" alt="{name}"{size}>'
    else:
        inner = f"{small.format}, which browsers do not show"
    return f'<figure title="{name}"><a href="{_address(large)}">{inner}</a>{caption}</figure>\n'


def _address(row: Row) -> str:
    """Give the output's address relative to the page; `./` keeps a name with a colon from being a protocol."""
    return "./" + escape(quote(row.name.replace(os.fsencode(os.sep), b"/")))


def _text(name: str) -> str:
    """Give a name as text that a page can hold: bytes that are no text become a sign of their own."""
    return os.fsencode(name).decode(errors="replace")


def _part(name: str) -> str:
    return files("procession.jobs").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
