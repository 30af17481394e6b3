"""`procession runs`: the runs of the state folder.

Knows: the command's flags.
Must not know: what a journal holds.
"""

from __future__ import annotations

import json

import click

from procession.cli import listing
from procession.cli.report import counted


@click.command("runs", short_help="List the runs that can be resumed and reported.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object for each run, one a line.")
@click.option("--prune", is_flag=True, help="Take old journals away and say which: see below.")
def command(as_json: bool, prune: bool) -> int:
    """List the runs whose journals are in the state folder, the last one first.

    The folder is PROCESSION_STATE, or `procession` in the user's state folder. When a run begins, and with --prune, the
    journals go that nobody has touched for 90 days, but never the 20 last ones, nor one that is at work. Journals
    elsewhere (--journal FILE) are never taken away.

    \b
    Examples:
      procession runs
      procession runs --json
      procession runs --prune
    """
    if prune:
        from procession.runs import places

        gone = places.prune()
        for name in gone:
            click.echo(json.dumps({"pruned": name}) if as_json else name)
        if not as_json:
            click.echo(f"{counted(len(gone), 'journal')} taken away", err=True)
        return 0
    found = listing.rows()
    if as_json:
        for row in found:
            click.echo(json.dumps(row._asdict()))
    elif found:
        click.echo("\n".join(listing.table(found)))
    else:
        click.echo("no runs yet", err=True)
    return 0
