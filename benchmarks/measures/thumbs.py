"""Thumbnails of 300 photographs at 256 pixels: whole processes, from launch to end."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import photos, processes
from benchmarks.cell import WORKERS, Cell

PLAIN = str(Path(photos.__file__).with_name("plain_thumbs.py"))
VIPS = str(Path(photos.__file__).with_name("vips_thumbs.py"))
SIDE = "256"
Command = list[str]


def thumbs(cell: Cell) -> None:
    """Run the peer's program over the photographs, the files warm in the page cache."""
    count = cell.pick(300, 8)
    with cell.folder() as folder:
        inputs, outputs = folder / "in", folder / "out"
        inputs.mkdir()
        outputs.mkdir()
        photos.copy(inputs, count)
        commands = PROGRAMS[cell.peer](inputs, outputs)
        processes.adopt_orphans()
        started = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        statuses = [process.wait() for process in running]
        elapsed = time.perf_counter() - started
        cpu = processes.children_cpu()
        cell.check(statuses == [0] * len(statuses), f"exit statuses {statuses}")
        if cell.peer != "decode only":
            _verify(cell, outputs, count)
        cell.report(photos_per_second=count / elapsed, cpu_ms_per_photo=cpu * 1e3 / count)


def _verify(cell: Cell, outputs: Path, count: int) -> None:
    from PIL import Image

    written = [path for path in outputs.rglob("*") if path.is_file() and not path.name.startswith(".")]
    cell.check(len(written) == count, f"{len(written)} thumbnails instead of {count}")
    for path in written[:20]:
        with Image.open(path) as image:
            cell.check(max(image.size) <= 256 and image.format == "JPEG", f"a thumbnail is {image}")


def _procession(workers: int) -> Callable[[Path, Path], list[Command]]:
    def commands(inputs: Path, outputs: Path) -> list[Command]:
        options = ["-o", str(outputs), "-s", SIDE, "-j", str(workers), "--format", "jpg"]
        return [[*procession_command(), "thumbs", str(inputs), *options]]

    return commands


def procession_command() -> Command:
    """The command that is installed beside this Python, or its entry point where only the source is there."""
    script = Path(sys.executable).with_name("procession")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "import sys; from procession.cli.main import main; sys.exit(main())"]


def _plain(workers: int, what: str = "thumbnail") -> Callable[[Path, Path], list[Command]]:
    return lambda inputs, outputs: [[sys.executable, PLAIN, str(inputs), str(outputs), str(workers), what]]


def _halves(build: Callable[[list[str], Path], Command]) -> Callable[[Path, Path], list[Command]]:
    """Run a program that has one process twice at once, each time over one half."""

    def commands(inputs: Path, outputs: Path) -> list[Command]:
        paths = sorted(str(path) for path in inputs.iterdir())
        return [build(paths[half::WORKERS], outputs) for half in range(WORKERS)]

    return commands


def _vipsthumbnail(paths: list[str], outputs: Path) -> Command:
    return ["vipsthumbnail", *paths, "--size", SIDE, "-o", str(outputs / "%s.jpg")]


def _mogrify(paths: list[str], outputs: Path) -> Command:
    size = f"{SIDE}x{SIDE}"
    tail = ["-format", "jpg", "-thumbnail", size, *paths]
    return ["mogrify", "-path", str(outputs), "-define", f"jpeg:size={size}", *tail]


def _gm_mogrify(paths: list[str], outputs: Path) -> Command:
    size = f"{SIDE}x{SIDE}"
    return [
        "gm",
        "mogrify",
        "-output-directory",
        str(outputs),
        "-size",
        size,
        "-format",
        "jpg",
        "-thumbnail",
        size,
        *paths,
    ]


PROGRAMS: dict[str, Callable[[Path, Path], list[Command]]] = {
    "procession": _procession(WORKERS),
    "procession -j 1": _procession(1),
    "plain Pool": _plain(WORKERS),
    "plain, one process": _plain(0),
    "decode only": _plain(WORKERS, "decode"),
    "pyvips Pool": lambda inputs, outputs: [[sys.executable, VIPS, str(inputs), str(outputs), str(WORKERS)]],
    "vipsthumbnail": _halves(_vipsthumbnail),
    "mogrify": _halves(_mogrify),
    "gm mogrify": _halves(_gm_mogrify),
}


def missing(peer: str) -> str:
    """Name the program or module that this peer needs and that is not installed, or nothing."""
    program = {"vipsthumbnail": "vipsthumbnail", "mogrify": "mogrify", "gm mogrify": "gm"}.get(peer, "")
    if program:
        return "" if shutil.which(program) else program
    return "pyvips" if peer == "pyvips Pool" and not importlib.util.find_spec("pyvips") else ""
