"""x"""

import click


@click.command("resume")
def command() -> int:
    """x"""
    return 0
