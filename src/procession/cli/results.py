"""One item of `procession map` in a worker: call the function, give its result as a line of JSON.

Knows: the target, JSON.
Must not know: click, or where the line goes. A worker loads this file.
"""

from __future__ import annotations

import json
from typing import Any

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


def call(target: Target, as_repr: bool, item: str) -> bytes:
    """Call the function on one item and give its result as a line.

    Args:
        target: The function.
        as_repr: What JSON cannot hold becomes the text of its `repr`.
        item: The item.

    Raises:
        ResultNotJson: JSON cannot hold the result.
    """
    return encode(target.load()(item), as_repr=as_repr)


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
