"""`procession resume`: do what is left of a run.

Knows: the command's words.
Must not know: how a run is asked again.
"""

from __future__ import annotations

import click

from procession.cli import listing
from procession.cli.again import SETTINGS, ask_again


@click.command("resume", context_settings=SETTINGS, short_help="Do what is left of a run.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RUN] [FLAGS]...", shell_complete=listing.names)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> int:
    """Do what is left of RUN, the last one where none is named, as its command was given, in its folder.

    RUN is a name that `procession runs` shows, the begin of one, or the path of a journal. FLAGS, those of the run's
    command, replace the ones of the first time. Results of earlier are written too, so the output is whole. Items that
    failed stay failed: `procession retry` runs them again. A run that has read standard input must get the same again;
    items are known by their content, so lines may have been added or left out.

    \b
    Examples:
      procession resume
      procession resume len-3fa2c1 -j 2 --time-limit 5m
      cat lines.txt | procession resume > results.jsonl
    """
    return ask_again(context, words, retry=False)
