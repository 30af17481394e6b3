"""The suite of one start method, which CONFORMANCE_METHOD names.

python -m unittest -k WithProcessesTestPool cpython_suite
"""

import os
import unittest

import cpython_mp

cpython_mp.install_tests_in_module_dict(globals(), os.environ["CONFORMANCE_METHOD"])

if __name__ == "__main__":
    unittest.main()
