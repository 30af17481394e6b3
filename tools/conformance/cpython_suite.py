"""The suite of one start method, which CONFORMANCE_METHOD names; `unset`: as in a program that sets none.

CPython's installer always sets a method. For `unset` it installs what is the default anyway, and when the module is
set up the choice is taken back.
"""

import os
import sys

import cpython_test_multiprocessing

METHOD = os.environ["CONFORMANCE_METHOD"]
DEFAULT = "fork" if sys.version_info < (3, 14) else "forkserver"

cpython_test_multiprocessing.install_tests_in_module_dict(globals(), DEFAULT if METHOD == "unset" else METHOD)

if METHOD == "unset":
    _set_up = globals()["setUpModule"]

    def setUpModule():
        _set_up()
        cpython_test_multiprocessing.multiprocessing.set_start_method(None, force=True)
