"""The main module, run once more in a worker, as `multiprocessing` does in a child that it spawned.

Knows: what `multiprocessing.spawn` prepares, and how a module is run.
Must not know: what is in it.

`multiprocessing` runs it by `runpy`, which leaves two namespaces: that of the functions, and a copy that becomes the
module. There a global that an initializer sets is seen by functions that came by name and not by those that came by
value, and what is sent later is seen by neither. Here both are one.
"""

from __future__ import annotations

import sys
import types

from procession.model.light import Any

NAME = "__mp_main__"


def run_again(preparation: dict[str, Any]) -> None:
    """Do what `multiprocessing.spawn.prepare` does.

    Raises:
        BaseException: What the main module raised.
    """
    from multiprocessing import process, spawn

    rest = dict(preparation)
    name, path = rest.pop("init_main_from_name", None), rest.pop("init_main_from_path", None)
    this: Any = process.current_process()
    this._inheriting = True  # a main module that makes a pool now is not guarded: that is an error, not a fork bomb
    try:
        spawn.prepare(rest)
        if name is not None:
            _run(_facts_by_name(name))
        elif path is not None:
            _run({"code": _code(path), "__file__": path, "__package__": ""})
    finally:
        del this._inheriting


def _facts_by_name(name: str) -> dict[str, Any]:
    from importlib.util import find_spec

    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError(f"the main module {name!r} cannot be found again in a worker")
    loader: Any = spec.loader
    return {
        "code": loader.get_code(name),
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__package__": spec.parent,
        "__loader__": loader,
        "__spec__": spec,
    }


def _code(path: str) -> Any:
    import io
    from pkgutil import read_code

    with io.open_code(path) as file:
        code = read_code(file)  # of a .pyc
    if code is None:
        with io.open_code(path) as file:
            code = compile(file.read(), path, "exec")
    return code


def _run(facts: dict[str, Any]) -> None:
    module = types.ModuleType(NAME)
    code = facts.pop("code")
    vars(module).update(facts)
    sys.modules[NAME] = module
    exec(code, vars(module))
    sys.modules["__main__"] = module
