"""Import hooks: be told when a module has been loaded that may never be.

Knows: the import system.
Must not know: what is done then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from procession.model.light import Any


def when_loaded(name: str, told: Callable[[Any], None]) -> None:
    """Call `told` with a module that is not loaded yet, once it is, before whoever imports it goes on."""
    sys.meta_path.insert(0, _WhenLoaded(name, told))


class _WhenLoaded:
    """Stands before all finders until its module is asked for, and then is gone."""

    def __init__(self, name: str, told: Callable[[Any], None]) -> None:
        self._name = name
        self._told = told

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find the module as it is always found; call `told` when it has run."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                self._listen(spec)
                return spec
        return None

    def _listen(self, spec: Any) -> None:
        execute = getattr(spec.loader, "exec_module", None)
        if execute is None or isinstance(spec.loader, type):  # built in or frozen: shared by all such modules
            return

        def exec_module(module: Any) -> None:
            execute(module)
            self._told(module)

        spec.loader.exec_module = exec_module
