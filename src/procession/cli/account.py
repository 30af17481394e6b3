"""x"""

import click


@click.command("account")
def command() -> int:
    """x"""
    return 0
