"""An initializer that sets variables of the environment before another one runs.

Knows: the environment, how an initializer is called.
Must not know: what the variables mean. This file imports nothing: libraries read them when they are first imported.
"""

from __future__ import annotations

from procession.model.light import Any


def begin(variables: dict[str, str], initializer: Any, initargs: tuple[Any, ...]) -> None:
    """In a worker: set the variables, then call the initializer, if there is one."""
    import os

    os.environ.update(variables)
    if initializer is not None:
        initializer(*initargs)
