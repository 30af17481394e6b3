"""CPython's own tests of main modules: a script, `-m`, a package, a folder, a zip file, under each start method."""

import redirect

redirect.run_as("test.test_multiprocessing_main_handling", globals())
