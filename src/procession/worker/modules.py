"""The modules of a worker, should a task remove them all.

Knows: `sys.modules` as it was before the first task.
Must not know: tasks.

A task may remove a module to import it anew, and finds it as it left it. But one that has removed even `sys` has
cleared the table: from then on no import works in this process, nor any pickle that names a class, and all later items
would fail that have done nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType


class Modules:
    """What stood in `sys.modules` when it was last noted."""

    def __init__(self) -> None:
        self._kept: dict[str, ModuleType] = {}

    def note(self) -> None:
        """Note what is there now, if that is not what was there.

        A nursery does it for all its workers: each of them would touch every module for it, and so copy its memory.
        """
        if len(self._kept) != len(sys.modules):
            self._kept = dict(sys.modules)

    def mend(self) -> None:
        """Put them back if the table was cleared."""
        if "sys" not in sys.modules:
            sys.modules.update(self._kept)


MODULES = Modules()
