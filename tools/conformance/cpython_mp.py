"""CPython's own tests of `multiprocessing` with procession in its place: a spawned child unpickles `cpython_mp.sqr`."""

import redirect

redirect.run_as("test._test_multiprocessing", globals())
