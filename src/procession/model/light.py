"""The names of `typing` without its cost: to a type checker they are the real ones, at run time next to nothing.

Knows: which names the modules on the way to a first result use.
Must not know: what they are used for.

`import typing` and `import dataclasses` cost 2 and 4 ms of the 30 that a script with a pool takes to its first
result (python -X importtime).
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any as Any
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeVar as TypeVar
    from typing import overload as overload
else:
    Any = Literal = NoReturn = Self = object

    class Generic:
        """Stands where a generic base class stands."""

        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls

    class Protocol:
        """Stands where a protocol is declared."""

    def TypeVar(name, **options):  # the name of the real one
        """Stand where a type variable is made."""

    def overload(function):
        """Stand where a signature is declared."""
        return function


class Record:
    """A plain value with named slots: compared and printed by them."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({facts})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # slots may change
