"""CPython's own tests of `multiprocessing`, loaded from the running Python with their imports led to another module.

`MP_UNDER_TEST` in the environment names that module. The text of the tests is read, changed and run; it is not kept.

A module of its own with an importable name: a spawned child unpickles `cpython_mp.sqr`, imports this, and that leads
the imports again. Aliasing `sys.modules["multiprocessing"]` would reach procession itself and concurrent.futures too.
"""

import importlib.util
import os
import re

from test.support import script_helper

# Or the children of `-c` scripts would run with -I, which ignores PYTHONPATH.
script_helper.__dict__["__cached_interp_requires_environment"] = True

library = os.environ.get("MP_UNDER_TEST", "mp_under_test")
path = importlib.util.find_spec("test._test_multiprocessing").origin
text = open(path, encoding="utf-8").read()
for pattern, new in [
    (r"^(\s*)import multiprocessing\.(\w+)", r"\1import LIB.\2; import LIB as multiprocessing"),
    (r"^(\s*)import multiprocessing(?=\s*$|,)", r"\1import LIB as multiprocessing"),
    (r"^(\s*)import multiprocessing as", r"\1import LIB as"),
    (r"^(\s*)from multiprocessing((?:\.\w+)*) import", r"\1from LIB\2 import"),
    (r"test\._test_multiprocessing", __name__),
]:
    text = re.sub("(?m)" + pattern, new.replace("LIB", library), text)
exec(compile(text, path, "exec"), globals())
