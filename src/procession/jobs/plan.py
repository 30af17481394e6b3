"""A run over a folder of photographs, from what is asked to what is left to tell of it.

Knows: the order list - name - compare - make folders, what is noted when a picture has ended.
Must not know: pictures, workers, the command line.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from procession.jobs import outputs, sources
from procession.jobs.errors import PlanRefused
from procession.jobs.ledger import Ledger, Row
from procession.jobs.naming import Made, Names, Thumb
from procession.jobs.records import FILE, Records
from procession.jobs.settings import ThumbSettings
from procession.jobs.writing import remove_left


class Asked(NamedTuple):
    """What is asked for.

    Args:
        inputs: Files, folders and patterns.
        output: The folder of the outputs.
        names: How outputs are named.
        settings: How they are made.
        recursive: Take the trees below folders.
        overwrite: Which outputs that are there are made again.
        checksum: Know inputs by what they hold.
        gallery: Write a page that shows the outputs.
        dry: Only look: nothing is made, written or removed.
    """

    inputs: tuple[str, ...]
    output: str
    names: Names
    settings: ThumbSettings
    recursive: bool = False
    overwrite: outputs.Overwrite = "older"
    checksum: bool = False
    gallery: bool = False
    dry: bool = False


class Plan:
    """What is to be done, all checked, and what has been done of it. Close it.

    Args:
        asked: What is asked for.

    Attributes:
        todo: How many inputs have an output to be made.
        fresh: How many inputs need nothing.

    Raises:
        PlanRefused: The inputs cannot become outputs as asked; nothing was changed.
        RecordsUnusable: What is known of the folder cannot be read or written.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._ledger = Ledger(asked.output)
        self._records: Records | None = None
        self._folders: set[str] = set()
        self._recipe: Callable[..., str] = lru_cache(asked.settings.recipe)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise PlanRefused(reason=f"the list of inputs cannot be kept in the temporary folder: {error}") from error
        except BaseException:
            self.close()
            raise
        self.todo, self.fresh = self._ledger.todo, self._ledger.fresh

    def close(self) -> None:
        """Close the files."""
        self._ledger.close()
        if self._records is not None:
            self._records.close()

    def items(self) -> Iterator[Thumb]:
        """Give what is to be made, in the order of the inputs, read as it is needed."""
        return self._ledger.items(self.asked.names)

    def key(self, thumb: Thumb) -> str:
        """Give what tells an item from every other one: the input as it is now, and how its outputs are made."""
        recipes = (f"{self._recipe(thumb.format, target.size)} {target.path}" for target in thumb.targets)
        return "\n".join((os.path.abspath(thumb.source), thumb.stamp, *recipes))

    def made(self, thumb: Thumb, result: Iterable[Made]) -> None:
        """Note that a picture's outputs were made.

        Raises:
            RecordsUnusable: It cannot be noted.
        """
        assert self._records is not None
        for target, made in zip(thumb.targets, result, strict=True):
            name, stamp, content = self._ledger.made(target.place, made.width, made.height)
            self._records.end(name, stamp, content, self._recipe(thumb.format, target.size), made)

    def failed(self, thumb: Thumb, message: str) -> None:
        """Note that a picture's outputs could not be made."""
        self._ledger.failed(thumb, message)

    def prune(self) -> Iterator[str]:
        """Remove the outputs whose inputs are gone, unless something else has taken their place; give their names."""
        if self._records is None:
            return
        for name, ours in self._records.vanished(sources.roots(self.asked.inputs)):
            text = os.fsdecode(name)
            if self._ledger.has(text):
                continue
            path = os.path.join(self.asked.output, text)
            if not self.asked.dry:
                if ours:
                    with suppress(FileNotFoundError):
                        os.unlink(path)
                self._records.forget(name)
            if ours:
                yield path

    def write_gallery(self) -> str:
        """Write the page that shows all outputs, and give its path.

        Raises:
            OSError: It cannot be written.
        """
        from procession.jobs import gallery

        return gallery.write(self.asked.output, self._ledger.rows(), self.asked.settings.run)

    def remove_left(self) -> None:
        """Remove what killed workers of this run have left behind."""
        remove_left(self._folders, self.asked.settings.run)

    def _prepare(self) -> None:
        asked, ledger = self.asked, self._ledger
        ledger.add(sources.find_sources(asked.inputs, recursive=asked.recursive, output=asked.output))
        ledger.name(asked.names)
        self._refuse_taken(FILE)
        if asked.gallery:
            from procession.jobs import gallery

            self._refuse_taken(gallery.PAGE)
            gallery.refuse_strange_page(asked.output)
        if os.path.exists(os.path.join(asked.output, FILE)):
            self._records = Records(asked.output)
        outputs.decide(ledger, self._records, asked.overwrite, self._recipe_of, checksum=asked.checksum)
        if asked.dry:
            outputs.look_at_folder(asked.output)
        elif ledger.todo or asked.gallery:
            self._folders = outputs.make_folders(ledger, asked.settings.run)
        if ledger.todo and not asked.dry:
            self._records = self._records or Records(asked.output)
            self._records.begin(ledger.stamps())

    def _refuse_taken(self, name: str) -> None:
        if self._ledger.has(name):
            raise PlanRefused(reason=f"--name {self.asked.names.pattern!r}: {name!r} is taken; give another one")

    def _recipe_of(self, row: Row) -> str:
        return self._recipe(row.format, self.asked.names.sizes[row.size])
