"""`procession completion`: the script that lets a shell complete commands and options.

Knows: which shells click writes scripts for.
Must not know: the commands.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from procession.cli.commands import Refused

VARIABLE = "_PROCESSION_COMPLETE"  # the name that click makes of the command's
SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the script for completion in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print a script that lets SHELL complete the commands and options of `procession`.

    The examples say where to put it for each shell.

    \b
    Examples:
      echo 'eval "$(procession completion bash)"' >> ~/.bashrc
      echo 'eval "$(procession completion zsh)"' >> ~/.zshrc
      procession completion fish > ~/.config/fish/completions/procession.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise Refused(f"this version of click has no completion for {shell}")
    click.echo(found(click.Command("procession"), {}, "procession", VARIABLE).source())
    return 0
