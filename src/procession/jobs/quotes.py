"""Where quotes stand in a text for a shell: a value that is quoted already must not stand inside them.

Knows: how a POSIX shell reads quotes.
Must not know: what the text does.

`echo '{}'` with the value `x; rm y` would become `echo ''x; rm y''`: the quotes cancel each other, and the shell runs
what was meant to be data.
"""

from __future__ import annotations


def quoted_at(text: str) -> list[str]:
    """Give for each character the quote that it stands in: `'`, `"`, a backslash, or an empty text.

    Inside of `"$( ... )"` a new text begins, as for the shell. Comments and here-documents are not known.

    Args:
        text: What the shell would read.
    """
    found: list[str] = []
    stack = [""]  # the quotes we are in, "(" for a substitution
    at = 0
    while at < len(text):
        here = stack[-1]
        state = here if here in ("'", '"') else ""
        step = 1
        if text[at] == "\\" and here != "'":
            step = 2
        elif here == "'":
            if text[at] == "'":
                stack.pop()
        elif text.startswith("$(", at):
            stack.append("(")
            step = 2
        elif text[at] == '"':
            _toggle(stack, '"')
        elif here != '"':
            _outside(text[at], stack)
        found += [state, "\\" if text[at] == "\\" and step == 2 else state][:step]
        at += step
    return found[: len(text)]


def _toggle(stack: list[str], quote: str) -> None:
    if stack[-1] == quote:
        stack.pop()
    else:
        stack.append(quote)


def _outside(character: str, stack: list[str]) -> None:
    if character == "'":
        stack.append("'")
    elif character == "(":
        stack.append("(")
    elif character == ")" and stack[-1] == "(":
        stack.pop()
