"""`procession doctor`: what this machine grants, and whether workers start.

Knows: how it is shown.
Must not know: how it is found out.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from procession.cli import examination
from procession.cli.commands import Refused

_MEBIBYTE = 1 << 20


@click.command("doctor", short_help="Show what limits workers here.")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def command(as_json: bool) -> int:
    """Show how many workers a pool gets and why, the limits of this machine, and start a worker in each way to see that
    it works. What will stop work is named at the end, with what to do.

    The exit code is 1 if there is such a thing.

    \b
    Example:
      procession doctor --json | python3 -m json.tool
    """
    try:
        found = examination.examine()
    except ValueError as error:  # a variable that sets the number of workers holds no number
        raise Refused(str(error)) from error
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, text in describe(found):
            click.echo(f"{name:<18}{text}")
    return 1 if found["problems"] else 0


def describe(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Say it in lines of a name and a text.

    Args:
        found: What was found out.
    """
    methods = found["start_methods"]
    return [
        ("procession", found["procession"]),
        ("python", f"{found['python']} ({sys.executable})"),
        ("platform", found["platform"]),
        ("workers", f"{found['workers']}, by {found['workers_limit']}"),
        ("start method", f"{methods[0]} for commands; also here: {', '.join(methods[1:]) or 'none'}"),
        ("", f"a Pool follows multiprocessing here: {found['python_start_method']}"),
        ("memory limit", _size(found["memory_limit_bytes"], "no limit of a cgroup")),
        ("/dev/shm", _size(found["shm_bytes"], "not there")),
        ("descriptors", "no limit" if found["descriptors"] is None else f"{found['descriptors']} for each process"),
        ("processes", "no limit" if found["processes"] is None else f"{found['processes']} for this user"),
        ("state folder", _folder(found["state_folder"])),
        ("temporary folder", _folder(found["temporary_folder"])),
        ("sqlite", found["sqlite"] or "not there"),
        *[(name, number or "not installed") for name, number in found["packages"].items()],
        *[(f"extra {name}", _extra(name, packages)) for name, packages in found["extras"].items()],
        *[(f"by {method}", _worker(found, method)) for method in methods],
        *[("PROBLEM", text) for text in found["problems"]],
    ]


def _worker(found: dict[str, Any], method: str) -> str:
    error = found["worker_errors"].get(method)
    if error is not None:
        return f"a worker failed: {error}"
    return f"a worker started and answered in {1000 * found['worker_seconds'][method]:.0f} ms"


def _extra(name: str, packages: dict[str, str | None]) -> str:
    if None in packages.values():
        return f"not installed: pip install 'procession[{name}]'"
    return ", ".join(f"{package} {number}" for package, number in packages.items())


def _folder(place: dict[str, Any]) -> str:
    state = place["error"] or f"{_size(place['free_bytes'], '')} free"
    return f"{place['path']} ({state}{'' if place['there'] else '; made when it is needed'})"


def _size(count: int | None, otherwise: str) -> str:
    return otherwise if count is None else f"{count / _MEBIBYTE:,.0f} MiB"
