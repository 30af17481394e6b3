"""One item of `procession map` in a worker: call the function, give its result as a line of JSON.

Knows: the target, JSON.
Must not know: click, or where the line goes. A worker loads this file.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from procession.cli.target import Target
from procession.model.errors import ProcessionError


class ResultNotJson(ProcessionError):
    """The function returned what JSON cannot hold.

    Args:
        type_name: The type of the result.
        reason: What `json` said.
    """

    facts = ("type_name", "reason")
    type_name: str
    reason: str

    def text(self) -> str:
        return f"the result, of type {self.type_name}, is not JSON: {self.reason}; --repr writes its repr"


class LineNotReadable(ProcessionError):
    """A line of the input is not what it should be; the others are.

    Args:
        name: The input.
        number: The line's number, from 1.
        reason: What is wrong with it.
    """

    facts = ("name", "number", "reason")
    name: str
    number: int
    reason: str

    def text(self) -> str:
        return f"{self.name}, line {self.number}: {self.reason}"


class BadLine(NamedTuple):
    """Stands among the items where a line could not be read.

    Args:
        name: The input.
        number: The line's number, from 1.
        reason: What is wrong with it.
    """

    name: str
    number: int
    reason: str

    def __repr__(self) -> str:
        return f"line {self.number}"


def call(target: Target, as_repr: bool, item: Any) -> bytes:
    """Call the function on one item and give its result as a line.

    Args:
        target: The function.
        as_repr: What JSON cannot hold becomes the text of its `repr`.
        item: The item; a dictionary holds the keyword arguments.

    Raises:
        LineNotReadable: The item stands for a line that could not be read.
        ResultNotJson: JSON cannot hold the result.
    """
    if type(item) is BadLine:
        raise LineNotReadable(name=item.name, number=item.number, reason=item.reason)
    function = target.load()
    value = function(**item) if type(item) is dict else function(item)
    return encode(value, as_repr=as_repr)


def encode(value: Any, *, as_repr: bool) -> bytes:
    """Give a value as one line of JSON in UTF-8. JSON has no NaN and no infinity.

    Args:
        value: The value.
        as_repr: What JSON cannot hold becomes the text of its `repr`.

    Raises:
        ResultNotJson: JSON cannot hold the value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        if not as_repr:
            raise ResultNotJson(type_name=type(value).__name__, reason=str(error)) from error
        value = repr(value)
        text = json.dumps(value, ensure_ascii=False)
    try:
        line = text.encode()
    except UnicodeEncodeError:  # lone surrogates, such as undecodable bytes of a file's name: written as \udcff
        line = json.dumps(value, allow_nan=False).encode()
    return line + b"\n"
