"""x"""

import click


@click.command("runs")
def command() -> int:
    """x"""
    return 0
