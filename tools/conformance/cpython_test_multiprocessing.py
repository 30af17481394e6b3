"""CPython's own tests of `multiprocessing` with procession in its place.

A spawned child unpickles `cpython_test_multiprocessing.sqr` and imports this. Its name ends as theirs does: two tests
look for that.
"""

import redirect

redirect.run_as("test._test_multiprocessing", globals())
