"""x"""

import click


@click.command("retry")
def command() -> int:
    """x"""
    return 0
