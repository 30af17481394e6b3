"""`procession retry`: run the failed items of a run again.

Knows: the command's words.
Must not know: how a run is asked again.
"""

from __future__ import annotations

import click

from procession.cli import listing
from procession.cli.again import SETTINGS, ask_again


@click.command("retry", context_settings=SETTINGS, short_help="Run the failed items of a run again.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RUN] [FLAGS]...", shell_complete=listing.names)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> int:
    """Run the items of RUN again that failed, and those that are left, as its command was given, in its folder.

    RUN and FLAGS are as for `procession resume`.

    \b
    Examples:
      procession retry
      procession retry len-3fa2c1 --time-limit 1h --retries 2
    """
    return ask_again(context, words, retry=True)
