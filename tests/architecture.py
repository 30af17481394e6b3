"""The architecture as a table, and what breaks it: read from the source, nothing is imported.

Knows: the floors of HOUSE.md, where each foreign library lives, how long a file may be.
Must not know: what the code does.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "procession"
FACES = "faces"  # the files at the top of the package, its __init__.py too
# From the ground up. A file imports its own folder and what stands in a lower row; folders in one row are strangers.
ROWS = (
    ("model",),
    ("scheduler", "wire"),
    ("worker", "shared", "served", "monitor"),
    ("launcher",),
    ("backends",),
    ("engine",),
    (FACES,),
    ("runs", "jobs"),
    ("cli",),
)
BESIDE = {f"{PACKAGE}.__main__": "cli"}  # `python -m procession`: at the top by Python's rule, a floor by its work
HEIGHT = {floor: height for height, row in enumerate(ROWS) for floor in row}
# What `model` and `scheduler` may use of the standard library: nothing that waits, asks the time or touches the system.
PURE_FLOORS = ("model", "scheduler")
PURE_MODULES = frozenset(
    "__future__ abc bisect collections dataclasses enum functools heapq itertools math numbers operator typing".split()
)
PURE_EXCEPTIONS = {("procession.model.errors", "signal")}  # for the names of signals
IMPURE_BUILTINS = frozenset({"open", "print", "input", "breakpoint", "exec", "eval"})
# Each foreign library has a home; a library that is not here has none.
HOMES = {
    "cloudpickle": ("wire",), "click": ("cli",), "rich": ("cli", "monitor"), "PIL": ("jobs",), "joblib": (FACES,),
    "numpy": ("worker", "shared"), "tqdm": ("monitor",), "IPython": ("monitor",), "lmdb": ("shared",),
    "typing_extensions": (FACES,), "pyarrow": ("runs",), "pillow_heif": ("jobs",), "pyvips": ("jobs",),
    "rawpy": ("jobs",),
}  # fmt: skip
OFFERED = ("runs",)  # floors above the faces whose public names `procession` offers, loaded at their first use
FOLDERS_WITH_NAMES = ("worker",)  # their __init__.py offers names to users, not only a docstring
LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 45


@dataclass(frozen=True)
class Import:
    """One import statement's target.

    Args:
        name: The module, with the name taken from it where that may be a module itself.
        taken: The name taken from the module, if any.
        line: Where it stands.
    """

    name: str
    taken: str | None
    line: int


@dataclass(frozen=True)
class Source:
    """One file of the package.

    Args:
        name: The module's full name; a folder's `__init__.py` is the folder's.
        path: The file.
        text: What it holds.
        tree: The same, parsed.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def floor(self) -> str:
        """The folder that it stands in; FACES for the top."""
        return floor_of(self.name, is_folder=self.is_folder)

    @property
    def is_folder(self) -> bool:
        """True for an `__init__.py`."""
        return self.path.name == "__init__.py"

    def imports(self) -> Iterator[Import]:
        """Give every import, also inside functions and under TYPE_CHECKING, and those by `import_module("name")`."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from (Import(alias.name, None, node.lineno) for alias in names)
                case ast.ImportFrom(module=module, names=names, level=level):
                    base = ".".join(filter(None, [self._above(level), module]))
                    yield from (Import(base, alias.name, node.lineno) for alias in names)
                case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                    if ast.unparse(function).split(".")[-1] in ("import_module", "__import__"):
                        yield Import(name, None, node.lineno)

    def _above(self, level: int) -> str:
        if level == 0:
            return ""
        parts = self.name.split(".")
        return ".".join(parts[: len(parts) - level + (1 if self.is_folder else 0)])


def read_sources(package: Path) -> dict[str, Source]:
    """Parse every file of the package.

    Args:
        package: The folder `procession`.
    """
    sources = {}
    for path in sorted(package.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(package).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        sources[name] = Source(name, path, text, ast.parse(text))
    return sources


def floor_of(name: str, *, is_folder: bool = False) -> str:
    """Give the floor of a module by its name.

    Args:
        name: The module's full name.
        is_folder: The module is a folder's `__init__.py`.
    """
    parts = name.split(".")
    if name in BESIDE:
        return BESIDE[name]
    return parts[1] if len(parts) > 2 or (is_folder and len(parts) == 2) else FACES


def target_of(found: Import, sources: dict[str, Source]) -> str:
    """Give the module that an import leads to: `from procession.wire import frames` leads to the file `frames`."""
    whole = f"{found.name}.{found.taken}"
    return whole if found.taken and whole in sources else found.name


def imports_inside(source: Source, sources: dict[str, Source]) -> Iterator[tuple[str, int]]:
    """Give the target and line of each import of the project itself."""
    for found in source.imports():
        if found.name.split(".")[0] == PACKAGE:
            yield target_of(found, sources), found.line


def imports_outside(source: Source) -> Iterator[tuple[str, int]]:
    """Give the top package and line of each other import."""
    for found in source.imports():
        top = found.name.split(".")[0]
        if top != PACKAGE:
            yield top, found.line


def unknown_floors(sources: dict[str, Source]) -> Iterator[str]:
    """Folders that are not in the table."""
    for floor in sorted({source.floor for source in sources.values()} - set(HEIGHT)):
        yield f"folder {floor}: not in the table of floors"


def upward_imports(sources: dict[str, Source]) -> Iterator[str]:
    """Imports of a higher floor, or of another folder in the same row."""
    for source in sources.values():
        for target, line in imports_inside(source, sources):
            is_folder = target in sources and sources[target].is_folder
            floor = floor_of(target, is_folder=is_folder)
            lower = HEIGHT.get(floor, 99) < HEIGHT.get(source.floor, -1)
            offers = source.name == PACKAGE and floor in OFFERED
            if floor != source.floor and not lower and not offers:
                yield f"{source.name}:{line} imports {target}: {floor} does not stand below {source.floor}"


def imports_of_folders(sources: dict[str, Source]) -> Iterator[str]:
    """Imports that name a folder, or nothing that is there: every import names a file."""
    for source in sources.values():
        for target, line in imports_inside(source, sources):
            if target not in sources:
                yield f"{source.name}:{line} imports {target}: there is no such file"
            elif target == PACKAGE and HEIGHT.get(source.floor, 99) > HEIGHT[FACES]:
                continue  # above the faces the package itself is what users import
            elif sources[target].is_folder and target.removeprefix(f"{PACKAGE}.") not in FOLDERS_WITH_NAMES:
                yield f"{source.name}:{line} imports {target}: a folder, not a file"


def circles(sources: dict[str, Source]) -> Iterator[str]:
    """Files of one floor that import each other in a circle, at any depth."""
    graph = {
        source.name: sorted(
            target
            for target in {target for target, _ in imports_inside(source, sources)}
            if target in sources and sources[target].floor == source.floor
        )
        for source in sources.values()
    }
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> Iterator[str]:
        if name in way:
            yield " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                yield from visit(target, [*way, name])
            done.add(name)

    for name in graph:
        yield from visit(name, [])


def impurities(sources: dict[str, Source]) -> Iterator[str]:
    """What the pure floors use that could wait, ask the time or touch the system."""
    for source in sources.values():
        if source.floor not in PURE_FLOORS:
            continue
        for top, line in imports_outside(source):
            if top not in PURE_MODULES and (source.name, top) not in PURE_EXCEPTIONS:
                yield f"{source.name}:{line} imports {top}: {source.floor} touches nothing outside"
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name) and node.id in IMPURE_BUILTINS and hasattr(builtins, node.id):
                yield f"{source.name}:{node.lineno} uses {node.id}: {source.floor} touches nothing outside"


def homeless_libraries(sources: dict[str, Source]) -> Iterator[str]:
    """Foreign libraries that are imported outside of their home."""
    for source in sources.values():
        for top, line in imports_outside(source):
            if top not in sys.stdlib_module_names and source.floor not in HOMES.get(top, ()):
                home = " and ".join(HOMES.get(top, ())) or "nowhere"
                yield f"{source.name}:{line} imports {top}, whose home is {home}"


def folders_with_code(sources: dict[str, Source]) -> Iterator[str]:
    """Folders whose `__init__.py` holds more or less than a docstring."""
    for source in sources.values():
        if not source.is_folder or source.name == PACKAGE:
            continue
        if ast.get_docstring(source.tree) is None:
            yield f"{source.name}: its __init__.py has no docstring"
        elif len(source.tree.body) > 1 and source.floor not in FOLDERS_WITH_NAMES:
            yield f"{source.name}: its __init__.py holds more than a docstring"


def missing_folders(package: Path) -> Iterator[str]:
    """Folders with files but no `__init__.py`."""
    for folder in sorted({path.parent for path in package.rglob("*.py")} - {package}):
        if not (folder / "__init__.py").exists():
            yield f"{folder.name}: has no __init__.py"


def hidden_functions(sources: dict[str, Source]) -> Iterator[str]:
    """Public functions of the faces that a top-level file of the same name would hide once it is loaded."""
    faces = [source for source in sources.values() if source.floor == FACES]
    names = {source.name.split(".")[1]: source for source in faces if source.name != PACKAGE}
    for source in faces:
        for node in source.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names:
                yield f"{names[node.name].name}: its name is that of a public function of {source.name}"


def long_files(sources: dict[str, Source]) -> Iterator[str]:
    """Files that hold more than one idea, by their length."""
    for source in sources.values():
        if (length := len(source.text.splitlines())) > LONGEST_FILE:
            yield f"{source.name}: {length} lines, more than {LONGEST_FILE}"


def long_functions(sources: dict[str, Source]) -> Iterator[str]:
    """Functions whose steps a reader cannot see at once."""
    for source in sources.values():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    yield f"{source.name}:{node.lineno} {node.name}: {length} lines, more than {LONGEST_FUNCTION}"


def files_without_docstring(sources: dict[str, Source]) -> Iterator[str]:
    """Files that do not begin with what they are."""
    for source in sources.values():
        if ast.get_docstring(source.tree) is None:
            yield f"{source.name}: does not begin with what it is"


RULES = (
    unknown_floors,
    upward_imports,
    imports_of_folders,
    circles,
    impurities,
    homeless_libraries,
    folders_with_code,
    hidden_functions,
    long_files,
    long_functions,
    files_without_docstring,
)
