"""Inner threads: how many OpenBLAS, MKL and OpenMP may start in a worker, so that all workers together fill the CPUs.

Knows: the variables that such libraries read when they are loaded, the functions that they have afterwards.
Must not know: how many workers there are, and who chose.

How it works: the variables are set before anything is loaded, in the nursery or with all else that makes a worker
look like its parent; that costs nothing. Only where a worker is born with numpy are the loaded libraries looked for,
in the list of what the kernel has mapped, and told by a call.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from procession.model.light import Any

MASTER = "OMP_NUM_THREADS"  # what the others fall back on
VARIABLES = (
    MASTER, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
# By a part of the library's name: the variable that it reads, and what the function may be called in it.
LIBRARIES = {
    "openblas": (
        "OPENBLAS_NUM_THREADS",
        ("openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads",
         "scipy_openblas_set_num_threads64_"),
    ),
    "libmkl_rt": ("MKL_NUM_THREADS", ("MKL_Set_Num_Threads",)),
    "libblis": ("BLIS_NUM_THREADS", ("bli_thread_set_num_threads",)),
    "libgomp": (MASTER, ("omp_set_num_threads",)),
    "libomp": (MASTER, ("omp_set_num_threads",)),
    "libiomp": (MASTER, ("omp_set_num_threads",)),
}  # fmt: skip
_ours: set[str] = set()  # variables that stand in this environment because it is a worker's


def choose(environ: Mapping[str, str], count: int, insist: bool) -> dict[str, str]:
    """Choose the variables of a pool's workers.

    Args:
        environ: The parent's.
        count: Threads for each worker.
        insist: Somebody asked for this number; else a variable that the user has set stays.
    """
    if insist:
        return dict.fromkeys(VARIABLES, str(count))
    theirs = {name for name in VARIABLES if name in environ} - _ours
    if MASTER in theirs:  # each library would prefer its own to this one
        return {}
    return {name: str(count) for name in VARIABLES if name not in theirs}


def settle(variables: Mapping[str, str]) -> None:
    """In a worker, whose environment has them: tell the libraries that were loaded before it was born."""
    _ours.clear()
    _ours.update(variables)
    if "numpy" in sys.modules and variables:
        for function, count in _loaded(variables):
            function(count)


def _loaded(variables: Mapping[str, str]) -> Iterator[tuple[Any, int]]:
    """Find the functions of the loaded libraries, and what each is to be told."""
    import ctypes

    for path, variable, names in _mapped():
        if variable not in variables:
            continue
        try:
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        except OSError:
            continue  # the file was replaced since it was loaded: it keeps its threads
        for name in names:
            function = getattr(library, name, None)
            if function is not None:
                function.argtypes, function.restype = [ctypes.c_int], None
                yield function, int(variables[variable])
                break


def _mapped() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    seen = set()
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            paths = [line.split(None, 5)[5].rstrip("\n") for line in file if line.count("/") and ".so" in line]
    except OSError:  # a system without /proc
        return
    for path in paths:
        if path in seen:
            continue
        seen.add(path)
        file_name = os.path.basename(path)
        for part, (variable, names) in LIBRARIES.items():
            if part in file_name:
                yield path, variable, names
                break
